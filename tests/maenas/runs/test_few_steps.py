"""Trainings that are too short to teach much say so."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from maenas.runs.few_steps import FEW_STEPS, few_steps_warning
from maenas.training.run import announce


@pytest.mark.parametrize(
    ("steps", "epochs", "enough"), [(72, 12, 84), (499, 499, 500), (1, 1, 500), (0, 3, 1500)]
)
def test_the_epochs_that_would_be_enough_are_named(steps: int, epochs: int, enough: int) -> None:
    warning = few_steps_warning(steps, epochs)
    assert warning is not None
    assert f"--epochs {enough:,} makes {FEW_STEPS} steps" in warning


def test_enough_steps_give_no_warning() -> None:
    assert few_steps_warning(FEW_STEPS, 10) is None


@pytest.mark.parametrize(("at_random", "lines"), [(True, ["a note", "few"]), (False, ["a note"])])
def test_only_random_weights_are_warned_of(
    at_random: bool, lines: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="maenas")
    resolved: Any = SimpleNamespace(starts_at_random=at_random)
    announce(["a note"], "few", resolved)
    assert [one.getMessage() for one in caplog.records] == lines
