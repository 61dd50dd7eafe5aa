"""Rates by step, also of trainings too short for the published phases."""

from __future__ import annotations

from itertools import pairwise

import pytest

from maenas.detector.train.schedule import Schedule, ScheduleOptions


def test_the_three_phases_by_hand() -> None:
    schedule = Schedule(lr=1.0, floor=0.1, warmup=4, tail=2, total=14)
    # warm-up (t / 4)^2; cosine over steps 4 to 12, halfway at 8: (1 + 0.1) / 2; floor
    expected = {0: 0.0, 1: 1 / 16, 2: 1 / 4, 3: 9 / 16, 4: 1.0, 8: 0.55, 12: 0.1, 13: 0.1}
    assert {step: schedule.at(step) for step in expected} == pytest.approx(expected)


def test_it_rises_then_falls_and_never_jumps() -> None:
    schedule = ScheduleOptions().over(epochs=300, steps_per_epoch=20, lr=0.04)
    rates = [schedule.at(step) for step in range(schedule.total)]
    assert max(rates) == schedule.at(schedule.warmup) == pytest.approx(0.04)
    assert all(abs(b - a) < 0.04 / 40 for a, b in pairwise(rates))


@pytest.mark.parametrize(("epochs", "warmup", "tail"), [(300, 35, 112), (20, 14, 8), (3, 2, 1)])
def test_short_trainings_warm_up_and_end_in_a_share_of_their_steps(
    epochs: int, warmup: int, tail: int
) -> None:
    schedule = ScheduleOptions().over(epochs, steps_per_epoch=7, lr=1.0)
    assert (schedule.warmup, schedule.tail, schedule.total) == (warmup, tail, 7 * epochs)


@pytest.mark.parametrize(
    ("epochs", "plain", "last"), [(300, 16, 16), (40, 16, 10), (20, 10, 5), (3, 1, 0), (1, 0, 0)]
)
def test_a_short_training_sees_as_many_plain_epochs_as_epochs_with_mosaic(
    epochs: int, plain: int, last: int
) -> None:
    options = ScheduleOptions()
    assert options.plain_epochs_of(epochs) == plain
    assert options.last_epochs_of(epochs) == last


@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 5])
def test_a_training_of_single_steps_has_a_rate_at_each(epochs: int) -> None:
    schedule = ScheduleOptions().over(epochs, steps_per_epoch=1, lr=1.0)
    assert all(0.05 <= schedule.at(step) <= 1.0 for step in range(epochs))
