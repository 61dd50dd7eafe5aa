"""What tests of every search share: stopping it anywhere, comparing all it found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from maenas.nas import Outcome, SearchProgress


class Stopped(Exception):
    """What a run is stopped by: anything, at any time."""


def after(reports: int) -> Callable[[SearchProgress], None]:
    """A report that stops the run once so many reports were made."""
    seen = []

    def report(progress: SearchProgress) -> None:
        seen.append(progress)
        if len(seen) == reports:
            raise Stopped

    return report


def told(outcome: Outcome) -> str:
    """All of an outcome, to compare."""
    parts = [outcome.best, outcome.evaluations, outcome.unique, outcome.accepted, outcome.curve]
    arrays: list[NDArray[Any]] = [outcome.finalists, outcome.prices]
    arrays += [outcome.scores, outcome.feasible]
    return repr([*parts, *(array.tolist() for array in arrays)])
