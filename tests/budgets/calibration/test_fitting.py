"""Multipliers are found from the latencies they make, and refused where rows are silent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maenas.budgets import load_device
from maenas.budgets.calibration.fitting import Data, NetworkRow, calibrated
from maenas.budgets.calibration.identify import CalibrationError, check_rows
from maenas.budgets.calibration.shares import multipliers_of, scaled, shares_of
from maenas.latency.networks import published_detector

SCALES = ("ns", "nm", "nl", "t", "s", "m", "l")
FACTORS = {
    "t4": {"tensor": 1.2, "launch": 2.5, "memory": 0.8},
    "intel-8163": {
        "compute": 3.0, "depthwise": 4.0, "attention": 3.0, "activations": 3.0, "operators": 2.0,
        "memory": 3.0, "weights": 3.0,
    },
}  # fmt: skip


def rows_of(base, factors) -> list[NetworkRow]:
    """The family on a device that is the base with these multipliers."""
    device = scaled(base, factors)
    networks = {scale: tuple(published_detector(scale).ops()) for scale in SCALES}
    return [
        NetworkRow(scale, "n" if "n" in scale else "damo", device.latency_ms(ops), ops)
        for scale, ops in networks.items()
    ]


@pytest.mark.parametrize("name", FACTORS)
def test_shares_add_up_to_the_price_with_any_multipliers(name: str) -> None:
    base = load_device(name)
    ops = tuple(published_detector("s").ops())
    factors = FACTORS[name]
    found = shares_of(base, ops).latency_ms(np.array([factors[n] for n in multipliers_of(base)]))
    assert found == pytest.approx(scaled(base, factors).latency_ms(ops), rel=1e-3)
    assert shares_of(base, ops).unit_ms == pytest.approx(base.latency_ms(ops))
    assert shares_of(base, ops).fractions.sum() == pytest.approx(1)


def test_launch_and_traffic_that_follow_each_other_are_shared_too() -> None:
    base = replace(load_device("t4"), serial=True, activation_share=0.4)
    ops = tuple(published_detector("t").ops())
    factors = FACTORS["t4"]
    found = shares_of(base, ops).latency_ms(np.array(list(factors.values())))
    assert found == pytest.approx(scaled(base, factors).latency_ms(ops), rel=1e-3)


@pytest.mark.parametrize("name", FACTORS)
def test_a_device_that_is_the_base_with_multipliers_is_found(name: str) -> None:
    base = load_device(name)
    found = calibrated(base, rows_of(base, FACTORS[name]))
    assert found.fit.mean_error < 1
    assert found.fit.held_out_mean < 3
    assert set(found.fit.multipliers) == set(multipliers_of(base))
    assert list(found.fit.leave_one_out) == list(SCALES)
    assert list(found.fit.families) == ["n", "damo"]


def test_a_device_that_is_only_slower_gets_one_multiplier() -> None:
    base = load_device("t4")
    slower = {"tensor": 2.0, "launch": 2.0, "memory": 2.0}
    found = calibrated(base, rows_of(base, slower))
    assert found.fit.multipliers == {"all": pytest.approx(2.0, rel=1e-3)}
    assert found.fit.mean_error < 0.1


def test_a_row_that_is_left_out_does_not_decide_its_own_prediction() -> None:
    base = load_device("t4")
    rows = rows_of(base, dict.fromkeys(multipliers_of(base), 1.0))
    wrong = [*rows[:-1], replace(rows[-1], latency_ms=2 * rows[-1].latency_ms)]
    found = calibrated(base, wrong, several=False)
    assert found.fit.leave_one_out["l"] == pytest.approx(-50, abs=0.1)


def test_bytes_follow_the_precision() -> None:
    ops = tuple(published_detector("s").ops())
    memory = [
        shares_of(replace(load_device("t4"), precision=each, serial=True), ops).sums[2]
        for each in ("int8", "f16", "bf16", "f32")
    ]
    assert memory == pytest.approx([memory[0] * size for size in (1, 2, 2, 4)])


def test_too_few_rows_are_refused_with_which_to_add() -> None:
    base = load_device("t4")
    rows = rows_of(base, FACTORS["t4"])
    with pytest.raises(CalibrationError, match=r"at least 3 networks, got 2; add .* smallest"):
        check_rows(base, rows[:2], None)
    check_rows(base, rows[:3], None)


def test_networks_of_one_size_are_refused() -> None:
    base = load_device("t4")
    row = rows_of(base, FACTORS["t4"])[4]
    alike = [replace(row, network=str(n), ops=row.ops[n:]) for n in range(5)]
    with pytest.raises(CalibrationError, match=r"nearly one size .* add a small network"):
        check_rows(base, alike, None)


def test_a_multiplier_that_was_requested_and_stays_unknown_is_refused() -> None:
    base = load_device("intel-8163")
    rows = rows_of(base, FACTORS["intel-8163"])
    message = r"cannot identify the multiplier 'attention': .* add a network with attention"
    with pytest.raises(CalibrationError, match=message):
        check_rows(base, rows, several=True)
    check_rows(load_device("t4"), rows, several=True)


def test_fewer_rows_than_several_multipliers_need_get_one() -> None:
    base = load_device("t4")
    found = calibrated(base, rows_of(base, FACTORS["t4"])[:4])
    assert list(found.fit.multipliers) == ["all"]


def test_errors_of_chosen_rows_are_in_percent() -> None:
    base = load_device("t4")
    rows = rows_of(base, dict.fromkeys(multipliers_of(base), 1.0))
    data = Data.of(base, rows)
    chosen = np.array([index == 2 for index in range(len(rows))])
    assert data.errors(chosen, np.full(3, 1.1)).tolist() == [pytest.approx(10)]
