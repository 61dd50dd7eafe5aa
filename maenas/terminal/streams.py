"""The streams of the process: one that cannot be written is one line, never a traceback."""

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
    """Give the process streams that never end it in a traceback.

    A closed stream becomes the null device: else the next file that is opened would take its
    number, and what is printed would end up in it.
    """
    for descriptor in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout = Results(*_settings(sys.stdout, STDOUT))
    sys.stderr = Messages(*_settings(sys.stderr, STDERR))


def silence(descriptor: int) -> None:
    """Let what is left in a buffer go to the null device."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


class _Stream(io.TextIOWrapper):
    """A text stream that takes any character: what its encoding lacks is escaped."""

    def __init__(self, buffer: BinaryIO, encoding: str, by_line: bool) -> None:
        super().__init__(buffer, encoding, "backslashreplace", line_buffering=by_line)

    def write(self, text: str, /) -> int:
        """Write a text; see `_tried` for what a failure does."""
        self._tried(lambda: super(_Stream, self).write(text))
        return len(text)

    def flush(self) -> None:
        """Write what is in the buffer."""
        self._tried(super().flush)

    def _tried(self, action: Callable[[], object]) -> None:
        raise NotImplementedError


class Results(_Stream):
    """Stdout: results that cannot be written are an error."""

    def _tried(self, action: Callable[[], object]) -> None:
        try:
            action()
        except BrokenPipeError:  # nobody reads them any more
            silence(STDOUT)
            raise
        except OSError as error:
            silence(STDOUT)
            reason = error.strerror or str(error)
            raise OutputError(f"stdout: cannot be written: {reason}.") from None


class Messages(_Stream):
    """Stderr: notes and progress that cannot be written are left out."""

    def _tried(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError:
            silence(STDERR)


def _settings(stream: TextIO | None, descriptor: int) -> tuple[BinaryIO, str, bool]:
    """Buffer and encoding of a stream; of a new one where Python found it closed."""
    if stream is None:
        return os.fdopen(descriptor, "wb", closefd=False), "utf-8", False
    return stream.buffer, stream.encoding, descriptor == STDERR or stream.isatty()
