"""What a section has found, kept on disk after every step so that a killed one leaves it."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field
from math import inf
from pathlib import Path
from typing import Any


class Skip(Exception):
    """A section cannot run here; the message says what it needs."""


class Missed(Exception):
    """A section ran to its end and missed some of its criteria; the message lists them."""


@dataclass(slots=True)
class Part:
    """State and results of one section.

    Attributes:
        state: "running", "ok", "skipped", "failed" or "timeout".
        message: reason of any state but "ok".
        where: file and line of a failure, in the repository.
        result: what was found, by name.
        missed: criteria that were not met, one sentence each.
        path: file that holds it; None for none.
        name: name of the section.
        until: monotonic time in seconds at which the section has to be done.
    """

    state: str = "running"
    message: str = ""
    where: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    path: Path | None = None
    name: str = ""
    until: float = inf

    @property
    def left_s(self) -> float:
        """Seconds that are left to this section."""
        return self.until - time.monotonic()

    def require(self, holds: bool, criterion: str) -> None:
        """Note a criterion that is not met; the section goes on, and fails at its end."""
        if not holds:
            self.missed.append(criterion)
            self.save()
            self.say(f"MISSED: {criterion}")

    def finish(self) -> None:
        """Raise `Missed` if a criterion was not met."""
        if self.missed:
            raise Missed("; ".join(self.missed))

    def tell(self, key: str, value: Any, line: str = "") -> None:
        """Keep a result, and print a line about it."""
        self.result[key] = value
        self.save()
        self.say(line or f"{key}: {_short(value)}")

    def say(self, line: str) -> None:
        """Print a line of progress."""
        print(f"gpu-check: {self.name}: {line}", flush=True)

    def end(self, state: str, message: str = "", where: str = "") -> None:
        """Keep the final state."""
        self.state, self.message, self.where = state, message, where
        self.save()

    def save(self) -> None:
        """Write the file."""
        if self.path is not None:
            write_json(self.path, self.to_json())

    def to_json(self) -> dict[str, Any]:
        """State and results as plain data."""
        data = asdict(self)
        del data["path"], data["name"], data["until"]
        return data


def write_json(path: Path, data: Any) -> None:
    """Write a file in one step; numbers that are not finite become text."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(f"{json.dumps(_finite(data), indent=1)}\n", encoding="utf-8")
    os.replace(temporary, path)


def read_json(path: Path) -> dict[str, Any] | None:
    """The content of a file; None if there is none."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if isinstance(value, float):
        is_number = abs(value) < float("inf")
        return float(f"{value:.6g}") if is_number else str(value)
    return value


def _short(value: Any) -> str:
    text = json.dumps(_finite(value))
    return text if len(text) < 160 else f"{text[:157]}..."
