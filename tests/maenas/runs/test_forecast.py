"""The expected accuracy at the end of a training."""

from __future__ import annotations

from math import log2

import numpy as np
import pytest

from maenas.runs.forecast import MARGIN, MOSAIC_GAIN, WIDEST, forecast

# AP50 on blood cells (BCCD) at 160 pixels, from random weights, by epoch; platelets, one of three
# classes, are never found. Rounded from benchmarks/results/curves/bccd-160-*-epochs.csv.
BCCD_10 = {1: 0.009, 2: 0.005, 3: 0.213, 4: 0.410, 5: 0.568, 6: 0.590, 7: 0.593, 8: 0.592, 9: 0.599}
BCCD_20 = {2: 0.005, 4: 0.050, 6: 0.467, 8: 0.572, 10: 0.582, 12: 0.608, 14: 0.604, 16: 0.603}
ENDS = ((BCCD_10, 10, 0.593), (BCCD_20, 20, 0.599))


def rows_at(values):
    """Rows of all epochs up to the last evaluation, with the AP50 of those that were evaluated."""
    return [
        {"epoch": float(epoch), **({"ap50": float(values[epoch])} if epoch in values else {})}
        for epoch in range(1, max(values) + 1)
    ]


def rows(values, every=2):
    """Rows of all epochs, with AP50 in each `every`-th."""
    return rows_at({every * number: value for number, value in enumerate(values, 1)})


def test_a_curve_that_gains_half_as_much_with_each_doubling_is_continued():
    # 0.7 - 1.5 / t is 0.55 at 10, 0.625 at 20 and 0.675 at 60
    found = forecast(rows([0, *(0.7 - 1.5 / t for t in range(4, 22, 2))]), 60, "ap50")
    assert found.value == pytest.approx(0.675)
    assert found.low == pytest.approx(0.625 - MARGIN)
    assert found.high == pytest.approx(0.625 + 0.075 * log2(3) + MARGIN)


def test_a_curve_that_gains_as_much_with_each_doubling_ends_within_the_interval():
    # 0.3 + 0.05 log2(t) is 0.5 at 16 and 0.5 + 0.05 log2(3) at 48
    found = forecast(rows([0.3 + 0.05 * log2(t) for t in range(2, 18, 2)]), 48, "ap50")
    assert found.high == pytest.approx(0.5 + 0.05 * log2(3) + MARGIN)
    assert found.value == pytest.approx(0.5 + 0.05 * (1 - 16 / 48))


def test_an_exponential_that_saturates_ends_within_the_interval():
    time = np.arange(2, 30, 2)
    found = forecast(rows(0.6 - 0.5 * np.exp(-time / 9)), 60, "ap50")
    assert found.low <= 0.6 <= found.high


def test_the_largest_recent_fall_widens_the_interval_on_both_sides():
    plain = [0.3, 0.4, 0.5, 0.5, 0.5, 0.5, 0.5]
    smooth, noisy = (forecast(rows(each), 20, "ap50") for each in (plain, [*plain[:5], 0.45, 0.5]))
    assert smooth.low - noisy.low == pytest.approx(0.05)
    assert noisy.high - smooth.high == pytest.approx(0.05)


def test_a_fall_in_the_first_half_does_not_widen_the_interval():
    plain = [0.3, 0.4, 0.5, 0.5, 0.5, 0.5, 0.5]
    fallen = [0.3, 0.1, *plain[2:]]
    assert forecast(rows(fallen), 20, "ap50") == forecast(rows(plain), 20, "ap50")


def test_before_the_end_of_mosaic_the_interval_holds_what_it_may_bring():
    values = [0.5, 0.7, 0.7, 0.7, 0.7]
    before, after = (forecast(rows(values), 20, "ap50", plain) for plain in (10, 11))
    assert before.high - after.high == pytest.approx(MOSAIC_GAIN * 0.3)
    assert (before.low, before.value) == (after.low, after.value)


@pytest.mark.parametrize(
    "values", [[0.1, 0.3, 0.35, 0.3, 0.31, 0.29, 0.36], [0.5, 0.48, 0.46, 0.45]]
)
def test_the_end_is_not_expected_below_the_last_evaluation(values):
    found = forecast(rows(values), 20, "ap50")
    assert found.low < values[-1] <= found.value <= found.high


def test_a_falling_curve_is_not_expected_to_rise():
    assert forecast(rows([0.5, 0.48, 0.47, 0.46, 0.45]), 20, "ap50").value == 0.45


def test_an_estimate_adds_at_most_half_of_what_lacks_to_one():
    # 0.8 at 10, 0.5 at 5: 0.3 (1 - 10 / 30) is 0.2
    found = forecast(rows([0.3, 0.45, 0.55, 0.7, 0.8]), 30, "ap50")
    assert (found.value, found.high) == (pytest.approx(0.9), 1)


def test_an_interval_that_would_be_too_wide_is_not_printed():
    # 0.4 at 10 and 0.3 at 5: 0.1 log2(10) is 0.33 at the epoch 100, 0.1 log2(4) is 0.2 at 40
    values = [0.1, 0.25, 0.35, 0.38, 0.4]
    assert forecast(rows(values), 100, "ap50") is None
    found = forecast(rows(values), 40, "ap50")
    assert found.high - found.low == pytest.approx(0.2 + 2 * MARGIN)
    assert found.high - found.low <= WIDEST


def test_a_curve_that_rises_ever_faster_gives_no_estimate():
    assert forecast(rows([0, 0.005, 0.01, 0.09, 0.157], every=1), 12, "ap50") is None
    assert forecast(rows([0, 0, 0, 0, 0.01, 0.02, 0.03, 0.04], every=1), 12, "ap50") is None


@pytest.mark.parametrize(
    ("values", "epochs"), [([0.1, 0.2, 0.3], 60), ([0, 0, 0, 0, 0], 12), ([0.1, 0.2, 0.3, 0.4], 8)]
)
def test_few_values_or_an_ended_training_give_no_estimate(values, epochs):
    assert forecast(rows(values), epochs, "ap50") is None


@pytest.mark.parametrize(("values", "epochs", "end"), ENDS, ids=["10 epochs", "20 epochs"])
def test_intervals_on_blood_cells_hold_the_end_and_nothing_is_said_before_the_bend(
    values, epochs, end
):
    made = {
        epoch: forecast(
            rows_at({each: values[each] for each in values if each <= epoch}),
            epochs,
            "ap50",
            epochs // 2,
        )
        for epoch in values
    }
    found = {epoch: each for epoch, each in made.items() if each is not None}
    assert min(found) == {10: 7, 20: 12}[epochs]
    assert all(each.low <= end <= each.high for each in found.values())
    assert max(abs(each.value - end) for each in found.values()) < 0.09


def test_an_estimate_is_called_one():
    found = forecast(rows([0.2, 0.3, 0.36, 0.4]), 12, "ap50")
    assert str(found) == "about 0.43 (0.39 to 0.47, an estimate)"
