"""The expected accuracy at the end of a training."""

from __future__ import annotations

import numpy as np
import pytest

from maenas.runs.forecast import forecast


def rows(values, every=2):
    """Rows of all epochs, with AP50 in each `every`-th."""
    made = [{"epoch": float(number + 1)} for number in range(len(values) * every)]
    for number, value in enumerate(values):
        made[(number + 1) * every - 1]["ap50"] = float(value)
    return made


@pytest.mark.parametrize(
    "curve",
    [lambda t: 0.6 - 0.5 * np.exp(-t / 9), lambda t: 0.7 - 0.9 * t**-0.6],
    ids=["exponential", "power"],
)
def test_a_curve_of_either_family_is_continued(curve):
    time = np.arange(2, 22, 2)
    found = forecast(rows(curve(time)), 60, "ap50")
    assert found.low <= curve(60) <= found.high
    assert found.value == pytest.approx(curve(60), abs=0.01)


def test_noise_widens_the_range():
    time = np.arange(2, 22, 2)
    values = 0.6 - 0.5 * np.exp(-time / 9)
    noisy = values + np.random.default_rng(0).normal(0, 0.03, len(time))
    plain, wide = (forecast(rows(each), 60, "ap50") for each in (values, noisy))
    assert wide.high - wide.low > plain.high - plain.low + 0.03


def test_zeros_before_the_first_object_is_found_do_not_count():
    late = [0, 0, 0, 0, 0.1, 0.2, 0.28, 0.33]
    found = forecast(rows(late), 40, "ap50")
    assert found.value > 0.33


def test_a_falling_curve_is_not_expected_to_rise():
    found = forecast(rows([0.5, 0.48, 0.47, 0.46, 0.45]), 60, "ap50")
    assert found.value == pytest.approx(0.46, abs=0.01)


def test_a_curve_that_rises_ever_faster_gives_no_estimate():
    assert forecast(rows([0, 0.005, 0.01, 0.09, 0.157], every=1), 12, "ap50") is None


def test_the_end_is_not_expected_below_the_last_evaluation():
    values = [0.1, 0.3, 0.35, 0.3, 0.31, 0.29, 0.36]
    found = forecast(rows(values), 20, "ap50")
    assert 0.36 <= found.low <= found.value <= found.high


@pytest.mark.parametrize(
    ("values", "epochs"), [([0.1, 0.2, 0.3], 60), ([0, 0, 0, 0, 0], 60), ([0.1, 0.2, 0.3, 0.4], 8)]
)
def test_few_values_or_an_ended_training_give_no_estimate(values, epochs):
    assert forecast(rows(values), epochs, "ap50") is None


def test_an_estimate_is_called_one():
    assert str(forecast(rows([0.1, 0.2, 0.3, 0.35]), 60, "ap50")).endswith(", an estimate)")
