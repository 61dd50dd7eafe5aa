"""Measurements of milliseconds instead of seconds, for tests that need a number, not a good one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

PROFILE = "maenas.budgets.profiling.profile"
SAMPLING = "maenas.budgets.profiling.sampling"


@contextmanager
def quick_measuring() -> Iterator[None]:
    """Take few samples of each graph, and make a table of few graphs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{PROFILE}.MIN_FITTED", 2)
        patch.setattr(f"{PROFILE}.MIN_HELD_OUT", 1)
        patch.setattr(f"{PROFILE}.MAX_ATTEMPTS", 1)
        seconds = {"fit": 0.2, "held-out": 0.2, "module": 0.05, "operator": 0.05}
        patch.setattr(f"{PROFILE}.SECONDS", seconds)
        patch.setattr(f"{SAMPLING}.MIN_ROUNDS", 3)
        patch.setattr(f"{SAMPLING}.ROUND_MS", 4.0)
        yield
