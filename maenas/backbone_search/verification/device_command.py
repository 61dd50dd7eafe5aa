"""`--verify-with`: a command of the user's that measures a network and prints milliseconds."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import inf

from maenas.blocks import MaenasError
from maenas.blocks.files.words import did_you_mean, one_line

PLACEHOLDERS = ("onnx", "spec", "name")
FILES = ("onnx", "spec")  # those that tell one network from another
GRACE_S = 2.0  # seconds that an ended command has to release its output
FAR = 200.0  # most times that a measurement differs from its prediction
LONGEST_LINE = 160  # characters of a command's output that an error quotes
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(\w+)\}")
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
# A line that is a number alone, or that ends in a number of milliseconds.
_ANSWER = re.compile(rf"(?:{_NUMBER}|.*?(?<![\w.+-])(?<!\d,){_NUMBER}\s*ms)")
_LAST_NUMBER = re.compile(rf"({_NUMBER})\s*(?:ms)?$")


class VerifyError(MaenasError):
    """A command cannot measure a network, or gives no latency."""


@dataclass(frozen=True, slots=True)
class DeviceCommand:
    """A command that measures one network on a device.

    The command is split into words as a shell does it, and run without a shell: a path with spaces
    stays one word, and `|`, `>` or `$VARIABLE` have no meaning. `sh -c '...'` runs a shell.

    Attributes:
        text: command as the user wrote it.
        timeout_s: seconds after which the command is ended.
    Raises:
        VerifyError: if it cannot be split, has an unknown placeholder, or names no network.
    """

    text: str
    timeout_s: float

    def __post_init__(self) -> None:
        if not 0 < self.timeout_s < inf:
            raise VerifyError(
                f"verify_timeout: must be a positive number of seconds, got {self.timeout_s}."
            )
        names = [match[1] for word in self.words for match in _PLACEHOLDER.finditer(word)]
        for name in names:
            if name is not None and name not in PLACEHOLDERS:
                raise VerifyError(
                    f"verify_with: {self.text!r}: no such placeholder {{{name}}}"
                    f"{did_you_mean(name, PLACEHOLDERS)}; {{{{ stands for a brace itself."
                )
        if not set(names) & set(FILES):
            raise VerifyError(
                f"verify_with: {self.text!r}: names no network; {{onnx}} stands for its ONNX file, "
                "{spec} for its spec."
            )

    @property
    def words(self) -> list[str]:
        """The words of the command, with its placeholders."""
        try:
            words = shlex.split(self.text)
        except ValueError as error:
            raise VerifyError(f"verify_with: {self.text!r}: {one_line(error)}.") from None
        if not words:
            raise VerifyError("verify_with: a command is expected, got an empty one.")
        return words

    def filled(self, values: Mapping[str, str]) -> list[str]:
        """The words with the values of the placeholders."""

        def value(match: re.Match[str]) -> str:
            return match[0][0] if match[1] is None else values[match[1]]

        return [_PLACEHOLDER.sub(value, word) for word in self.words]

    def measure(self, values: Mapping[str, str]) -> float:
        """Run the command and return the milliseconds that it prints.

        Args:
            values: value of each placeholder.
        Raises:
            VerifyError: if it cannot be started, fails, takes too long or prints no latency.
        """
        words = self.filled(values)
        shown = shlex.join(words)
        code, out, err = _run(words, shown, self.timeout_s)
        if code != 0:
            why = f"exit code {code}" if code > 0 else f"signal {-code}"
            raise VerifyError(f"verify: `{shown}` failed with {why}{_last_line(err or out)}")
        ms = milliseconds_in(out)
        if ms is None:
            raise VerifyError(
                f"verify: `{shown}` printed no latency: no line of its output is a number or ends "
                f"in one with ms{_last_line(out)}"
            )
        if not 0 < ms < inf:
            raise VerifyError(f"verify: `{shown}` must print a positive latency, got {ms} ms.")
        return ms


def milliseconds_in(output: str) -> float | None:
    """The number in the last line that is a number alone or ends in one with "ms"; None if none."""
    for line in reversed(output.splitlines()):
        text = line.strip()
        found = _LAST_NUMBER.search(text) if _ANSWER.fullmatch(text) else None
        if found is not None:
            return float(found[1])
    return None


def check_unit(ms: float, predicted_ms: float, command: str, device: str) -> None:
    """Refuse an answer that is so far from the prediction that its unit must be another.

    Raises:
        VerifyError: if it is more than `FAR` times or less than 1 / `FAR` of the prediction.
    """
    if not 1 / FAR <= ms / predicted_ms <= FAR:
        raise VerifyError(
            f"verify: `{command}` gave {ms:g} ms for a network that is predicted to take "
            f"{predicted_ms:.3g} ms on {device}; it must print milliseconds."
        )


def _run(words: list[str], shown: str, timeout_s: float) -> tuple[int, str, str]:
    """Exit code and output of a command; it and all its children are ended with this process.

    A session of its own keeps Ctrl-C from the command, which is then ended as a whole.
    """
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else one_line(error)
        raise VerifyError(f"verify: `{shown}` cannot be started: {reason}.") from None
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise VerifyError(
            f"verify: `{shown}` gave no answer within {timeout_s:g} s; --verify-timeout gives more."
        ) from None
    finally:
        _end(process)
    return process.returncode, out, err


def _end(process: subprocess.Popen[str]) -> None:
    """End a command and its children, if any of them still runs."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired, ValueError):
        process.communicate(timeout=GRACE_S)


def _last_line(output: str) -> str:
    lines = [" ".join(line.split()) for line in output.splitlines() if line.strip()]
    return f": {lines[-1][:LONGEST_LINE]}" if lines else "."
