"""The benchmark of the accuracy that a training expects at its end."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.bench_forecast import STORED, Outcome, drawn_rows, outcomes, rows_of, summary


def test_an_outcome_compares_estimate_and_evaluation_with_the_end() -> None:
    values = {2: 0.3, 4: 0.4, 6: 0.48, 8: 0.5, 10: 0.51, 11: 0.1, 12: 0.53}
    rows = [
        {"epoch": float(epoch), **({"ap50": values[epoch]} if epoch in values else {})}
        for epoch in range(1, 13)
    ]
    found = outcomes(rows, "ap50")
    # three values are too few, and after the fall to 0.1 the interval would be too wide
    assert [each.error is None for each in found] == [True, True, True, False, False, True]
    # 0.5 at 8 and 0.4 at 4: 0.5 + 0.1 (1 - 8 / 12) is 0.533
    assert found[3].error == pytest.approx(0.1 / 3 - 0.03)
    assert found[3].last_error == pytest.approx(0.03)
    assert found[3].is_held


def test_evaluations_without_an_estimate_are_neither_held_nor_in_an_error() -> None:
    found = [Outcome(0.1, 0.2, True), Outcome(0.3, 0.2, False), Outcome(None, 0.9, False)]
    said = summary(found)
    assert said.startswith("2 of 3 evaluations have an estimate, 50% of the intervals hold the end")
    assert said.endswith("mean error 0.200 (0.200 if the evaluation itself is the estimate)")
    assert summary(found[2:]) == "no estimate at 1 evaluations"


def test_four_of_five_intervals_of_the_stored_trainings_hold_the_end() -> None:
    found = [each for path in STORED for each in outcomes(rows_of(path), "ap50")]
    printed = [each for each in found if each.error is not None]
    assert len(printed) > len(found) / 2
    assert np.mean([each.is_held for each in printed]) >= 0.8
    assert np.mean([each.error for each in printed]) < np.mean(
        [each.last_error for each in printed]
    )


def test_four_of_five_intervals_of_drawn_curves_hold_the_end() -> None:
    random = np.random.default_rng(1)
    found = [each for _ in range(50) for each in outcomes(drawn_rows(random), "ap50")]
    printed = [each for each in found if each.error is not None]
    assert len(printed) > len(found) / 2
    assert np.mean([each.is_held for each in printed]) >= 0.8
