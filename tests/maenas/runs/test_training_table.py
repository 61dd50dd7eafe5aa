"""Rows of the epochs of a training."""

from __future__ import annotations

from pathlib import Path

import pytest

from maenas.runs.training_table import best_row
from maenas.training.result import train_result


def rows(*scores: float | None) -> list[dict[str, float]]:
    """Rows of epochs with their AP; None where it was not evaluated."""
    return [
        {"epoch": epoch, "loss": 1.0, "skipped": 0} | ({} if ap is None else {"ap": ap, "ap50": ap})
        for epoch, ap in enumerate(scores, 1)
    ]


@pytest.mark.parametrize(
    ("scores", "epoch"),
    [
        ((0.1, None, 0.3, 0.2), 3),
        ((0.0, 0.3, 0.3), 2),
        ((0.0, 0.0, None), 2),  # nothing is found yet, and later weights are the better ones
    ],
)
def test_the_best_epoch_is_the_one_whose_detector_is_kept(
    scores: tuple[float | None, ...], epoch: int
) -> None:
    best = best_row(rows(*scores))
    assert best is not None
    assert best["epoch"] == epoch


def test_without_an_evaluation_there_is_none() -> None:
    assert best_row(rows(None, None)) is None


def test_epochs_that_were_left_out_are_not_counted_as_trained() -> None:
    some = rows(0.3, 0.2, 0.4)
    some[2]["epoch"] = 7
    result = train_result(Path("run"), some, Path("data"), None, 1.0)
    assert (result.epochs, result.best_epoch) == (3, 7)
