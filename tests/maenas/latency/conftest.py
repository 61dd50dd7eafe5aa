"""Samples that are as short as can be: these tests look at what is said, not at how fast it is."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def short_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine would be sampled for as long as it is allowed to, three times."""
    short = {"fit": 0.3, "held-out": 0.3, "operator": 0.1}
    monkeypatch.setattr("maenas.budgets.profiling.profile.SECONDS", short)
