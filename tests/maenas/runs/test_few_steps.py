"""Trainings that are too short to teach much say so."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from maenas.runs.few_steps import FEW_STEPS, few_steps_warning
from maenas.training.plan import warning_of


@pytest.mark.parametrize(
    ("steps", "epochs", "enough"), [(72, 12, 84), (499, 499, 500), (1, 1, 500), (0, 3, 1500)]
)
def test_the_epochs_that_would_be_enough_are_named(steps: int, epochs: int, enough: int) -> None:
    warning = few_steps_warning(steps, epochs)
    assert warning is not None
    assert f"--epochs {enough:,} makes {FEW_STEPS} steps" in warning


def test_one_step_is_not_several() -> None:
    warning = few_steps_warning(1, 1)
    assert warning is not None
    assert warning.startswith("1 step from random weights teaches little, so")


def test_enough_steps_give_no_warning() -> None:
    assert few_steps_warning(FEW_STEPS, 10) is None


@pytest.mark.parametrize("at_random", [True, False])
def test_only_random_weights_are_warned_of(at_random: bool) -> None:
    plan: Any = SimpleNamespace(
        steps=72,
        recipe=SimpleNamespace(epochs=12),
        resolved=SimpleNamespace(starts_at_random=at_random),
    )
    assert warning_of(plan) == (few_steps_warning(72, 12) if at_random else None)
