"""The bundled estimates predict the published rows that they were fitted to as well as they say.

Operators of the networks stand in `benchmarks/device_networks.json`, so no ONNX file is needed.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.device_estimates import ESTIMATES
from benchmarks.device_rows import ROWS, device_rows, listed, network_ops
from benchmarks.fit_devices import PRIORS, fitted
from maenas.budgets import load_device
from maenas.budgets.pricing.operator_model import OperatorModel
from maenas.budgets.pricing.roofline import Roofline

BY_MULTIPLIERS = [name for name, estimate in ESTIMATES.items() if estimate.base is not None]
MOST = {"t4": (4.5, 6.0), "t4-trt8": (5.5, 7.0)}  # percent: left out one by one, by families


def estimate(name: str) -> Roofline | OperatorModel:
    found = load_device(name)
    assert isinstance(found, Roofline | OperatorModel)
    assert found.fit is not None
    return found


def test_every_row_has_an_estimate_and_names_its_source() -> None:
    assert {row.device for row in listed()} >= set(ESTIMATES)
    assert all(row.source and row.family for row in listed())
    assert ROWS.stat().st_size < 30_000


@pytest.mark.parametrize("name", ESTIMATES)
def test_the_stated_errors_are_those_on_the_rows(name: str) -> None:
    model, rows = estimate(name), device_rows(name)
    errors = np.array([100 * (model.latency_ms(row.ops) / row.latency_ms - 1) for row in rows])
    assert model.fit is not None
    assert model.fit.rows == len(rows)
    assert model.fit.mean_error == pytest.approx(np.mean(np.abs(errors)), abs=0.1)
    assert model.fit.max_error == pytest.approx(np.max(np.abs(errors)), abs=0.15)
    assert list(model.fit.leave_one_out) == [row.network for row in rows]


@pytest.mark.parametrize("name", [name for name in BY_MULTIPLIERS if name != "rk3588"])  # slow
def test_the_bundled_multipliers_are_what_the_fit_finds(name: str) -> None:
    found, bundled = fitted(name, device_rows(name)), estimate(name)
    assert found.fit is not None
    assert bundled.fit is not None
    assert found.fit.multipliers == pytest.approx(bundled.fit.multipliers, rel=0.02)
    assert found.fit.leave_one_out == pytest.approx(bundled.fit.leave_one_out, abs=0.3)
    assert found.fit.families == pytest.approx(bundled.fit.families, abs=0.3)


@pytest.mark.parametrize("name", BY_MULTIPLIERS)
def test_networks_left_out_one_by_one_are_within_six_percent_on_average(name: str) -> None:
    fit = estimate(name).fit
    assert fit is not None
    assert fit.held_out_mean <= 6


@pytest.mark.parametrize("name", MOST)
def test_networks_and_families_left_out_of_a_t4_are_predicted(name: str) -> None:
    fit = estimate(name).fit
    assert fit is not None
    alone, families = MOST[name]
    assert fit.held_out_mean <= alone
    assert np.mean(list(fit.families.values())) <= families


def test_the_published_family_is_within_five_percent_of_its_figures_on_a_newer_runtime() -> None:
    model, networks = estimate("t4"), network_ops()
    figures = {row.network: row.latency_ms for row in listed() if row.device == "t4"}
    for scale, ms in {"t": 2.32, "s": 3.45, "m": 5.09, "l": 7.18}.items():
        assert figures[f"zoo:damo-yolo-{scale}"] == ms
        assert model.latency_ms(networks[f"zoo:damo-yolo-{scale}"]) == pytest.approx(ms, rel=0.05)


def test_networks_that_no_fit_saw_are_predicted_by_the_older_runtime_too() -> None:
    """RTMDet was timed with TensorRT 8.4, which agrees with the chart of TensorRT 10."""
    model = estimate("t4")
    rows = [row for row in device_rows("t4-trt8") if row.family == "RTMDet"]
    errors = [model.latency_ms(row.ops) / row.latency_ms - 1 for row in rows]
    assert len(errors) == 5
    assert max(map(abs, errors)) < 0.08


def test_every_fitted_coefficient_is_physical() -> None:
    """Bounds of a T4's data sheet: 65 TFLOP/s are 32.5e12 multiply-accumulates, 320 GB/s."""
    for name in MOST:
        model = estimate(name)
        assert isinstance(model, Roofline)
        assert 12 < model.tensor_tmacs < 65 / 2
        assert 150 < model.bandwidth_gbs < 360  # caches included
        assert 0.5 < model.conv_us < 4
        assert model.activation_share < 1
        assert set(PRIORS) <= set(type(model).__dataclass_fields__)


def test_int8_is_faster_than_f16_and_the_larger_orin_than_the_smaller() -> None:
    ops = network_ops()["yolo11m"]
    ms = {name: load_device(name).latency_ms(ops) for name in ESTIMATES}
    assert ms["orin-nano-super-int8"] < ms["orin-nano-super"]
    assert ms["agx-orin-int8"] < ms["agx-orin"] < ms["orin-nano-super"]
