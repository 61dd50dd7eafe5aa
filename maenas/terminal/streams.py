"""The streams of the process: a failed write is reported in one line, never as a traceback."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import BinaryIO, TextIO

STDIN, STDOUT, STDERR = 0, 1, 2


class OutputError(OSError):
    """Results cannot be written to stdout."""


def prepare_streams() -> None:
    """Replace stdout and stderr by streams whose errors never end in a traceback.

    A closed stream becomes the null device. Otherwise the next file opened gets its descriptor,
    and printed text is written into that file.
    """
    for descriptor in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free descriptor
    sys.stdout = Results(*_settings(sys.stdout, STDOUT))
    sys.stderr = Messages(*_settings(sys.stderr, STDERR))


def silence(descriptor: int) -> None:
    """Redirect a descriptor to the null device, so that its buffer can be flushed."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


class _Stream(io.TextIOWrapper):
    """A text stream that accepts any character: those not in its encoding are escaped."""

    def __init__(self, buffer: BinaryIO, encoding: str, by_line: bool) -> None:
        super().__init__(buffer, encoding, "backslashreplace", line_buffering=by_line)

    def write(self, text: str, /) -> int:
        """Write a text; `_tried` handles errors."""
        self._tried(lambda: super(_Stream, self).write(text))
        return len(text)

    def flush(self) -> None:
        """Write the buffer; `_tried` handles errors."""
        self._tried(super().flush)

    def _tried(self, action: Callable[[], object]) -> None:
        raise NotImplementedError


class Results(_Stream):
    """Stdout: a failed write is an error."""

    def _tried(self, action: Callable[[], object]) -> None:
        try:
            action()
        except BrokenPipeError:  # the reader has closed the pipe
            silence(STDOUT)
            raise
        except OSError as error:
            silence(STDOUT)
            reason = error.strerror or str(error)
            raise OutputError(f"stdout: cannot be written: {reason}.") from None


class Messages(_Stream):
    """Stderr: a failed write of notes or progress is ignored."""

    def _tried(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError:
            silence(STDERR)


def _settings(stream: TextIO | None, descriptor: int) -> tuple[BinaryIO, str, bool]:
    """Buffer, encoding and line buffering of a stream; of a new one if Python found it closed."""
    if stream is None:
        return os.fdopen(descriptor, "wb", closefd=False), "utf-8", False
    return stream.buffer, stream.encoding, descriptor == STDERR or stream.isatty()
