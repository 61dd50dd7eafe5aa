"""Early stopping: which epochs are left out, and that a resumed training decides the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from maenas.blocks.errors import SpecError
from maenas.detector.train import EpochResult, Jump, Recipe, StepResult, load_state, train
from maenas.detector.train.schedule import ScheduleOptions
from tests.trainings import RECIPE, FixedAp, small_training, write_data

PHASES = ScheduleOptions(plain_epochs=5)


def rows(*aps: float | None) -> list[dict[str, float]]:
    """Rows of the first epochs with these APs; None where an epoch was not evaluated."""
    return [
        {"epoch": float(epoch)} | ({} if ap is None else {"ap": ap})
        for epoch, ap in enumerate(aps, 1)
    ]


def finished(rows: list[dict[str, float]]) -> int:
    return PHASES.finished_epochs(20, 3, rows)


def test_epochs_with_mosaic_are_left_out_when_ap_has_not_risen_for_long_enough() -> None:
    assert finished(rows(0.1, 0.3, 0.2, 0.3)) == 4
    assert finished(rows(0.1, 0.3, 0.2, 0.3, 0.29)) == 15


def test_epochs_without_an_evaluation_decide_nothing() -> None:
    assert finished(rows(0.3, None, None, None, None)) == 5
    assert finished(rows(0.3, None, None, None, None, 0.2)) == 15
    assert finished(rows(None)) == 1


def test_epochs_before_the_first_detection_do_not_count() -> None:
    assert finished(rows(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)) == 6
    assert finished(rows(0.0, 0.0, 0.0, 0.0, 0.1, 0.0, 0.0)) == 7
    assert finished(rows(0.0, 0.0, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0)) == 15


def test_in_the_last_epochs_the_count_starts_anew_and_then_the_training_ends() -> None:
    jumped = [*rows(0.5, 0.1, 0.1, 0.1)]
    first = {"epoch": 16.0, "ap": 0.2}
    assert finished([*jumped, first]) == 16
    later = [{"epoch": 17.0, "ap": 0.2}, {"epoch": 18.0, "ap": 0.4}]
    assert finished([*jumped, first, *later]) == 20


def test_patience_must_be_an_epoch_or_more() -> None:
    with pytest.raises(SpecError, match="patience must be at least 1, got 0"):
        Recipe(patience=0)


SHORT = replace(
    RECIPE,
    epochs=8,
    patience=2,
    evaluate_every=1,
    schedule=ScheduleOptions(plain_epochs=3, warmup_epochs=0),
)
STEPS = 3  # an epoch


@pytest.mark.slow
def test_a_training_leaves_out_epochs_and_their_steps(tmp_path: Path) -> None:
    aps = iter([0.3, 0.2, 0.1, 0.1, 0.1])
    data = write_data(tmp_path / "data")
    training = small_training(tmp_path / "run", data, SHORT, evaluate=lambda _: FixedAp(next(aps)))
    events = list(train(training))
    assert [each.number for each in events if isinstance(each, EpochResult)] == [1, 2, 3, 6, 7]
    jumps = [each for each in events if isinstance(each, Jump)]
    assert jumps == [Jump(3, 5, 2 * STEPS), Jump(7, 8, STEPS)]
    steps = [each.number for each in events if isinstance(each, StepResult)]
    assert steps == [*range(3 * STEPS), *range(5 * STEPS, 7 * STEPS)]
    ended = load_state(tmp_path / "run" / "resume.pt").progress
    assert (ended.epoch, ended.step, len(ended.rows)) == (8, 8 * STEPS, 5)


@pytest.mark.slow
def test_killed_at_the_decision_and_resumed_a_training_leaves_out_the_same(tmp_path: Path) -> None:
    data, folder = write_data(tmp_path / "data"), tmp_path / "run"
    aps = iter([0.3, 0.2, 0.1])
    events = train(small_training(folder, data, SHORT, evaluate=lambda _: FixedAp(next(aps))))
    assert next(each for each in events if isinstance(each, Jump)) == Jump(3, 5, 2 * STEPS)
    events.close()  # type: ignore[attr-defined]
    saved = load_state(folder / "resume.pt")
    assert saved.progress.epoch == 2
    again = small_training(folder, data, SHORT, evaluate=lambda _: FixedAp(0.1))
    numbers = [each.number for each in train(again, saved) if isinstance(each, EpochResult)]
    assert numbers == [3, 6, 7]
