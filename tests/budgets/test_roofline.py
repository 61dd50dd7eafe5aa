"""The bundled T4 model is sane for a search to lean on, and as good as it says."""

import importlib.util
import random
import sys
from dataclasses import replace
from math import hypot
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

from blocks import Op, load_backbone
from blocks.errors import SpecError
from blocks.op import OpKind, avg_pool, concat, conv, max_pool, upsample
from budgets.latency import DeviceError
from budgets.roofline import COEFFICIENTS, Roofline, load_roofline, roofline_names

ROOT = Path(__file__).parents[2]
SHAPE = (64, 40, 40)
OPS = {
    "conv": conv(SHAPE, 96, 3),
    "max_pool": max_pool(SHAPE, 5),
    "avg_pool": avg_pool(SHAPE),
    "global_pool": Op("global_pool", SHAPE, (64, 1, 1)),
    "upsample": upsample(SHAPE),
    "concat": concat(SHAPE, SHAPE),
    "add": Op("add", SHAPE, SHAPE),
    "mul": Op("mul", SHAPE, SHAPE),
    "slice": Op("slice", (3, 640, 640), (12, 320, 320)),
    "decode": Op("decode", (68, 40, 40), (4, 40, 40)),
}


@pytest.fixture(scope="module")
def t4() -> Roofline:
    return load_roofline("t4")


@pytest.fixture(scope="module")
def calibration() -> ModuleType:
    """The script that calibrates, which is not installed."""
    path = ROOT / "benchmarks" / "calibrate_t4.py"
    spec = importlib.util.spec_from_file_location("calibrate_t4", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def published(calibration):
    return calibration.read_published()


@pytest.mark.parametrize("kind", get_args(OpKind))
def test_every_kind_of_operator_takes_time(t4, kind):
    assert t4.op_ms(OPS[kind]) > 0


def test_an_unknown_kind_is_an_error_that_names_it(t4):
    with pytest.raises(DeviceError, match="t4: has no price for operator 'fft'"):
        t4.op_ms(Op("fft", SHAPE, SHAPE))


def test_a_large_convolution_is_priced_as_derived_by_hand(t4):
    # 320 x 320 positions are 400 tiles of 256 x 128, 10 waves on 40 processors; 64 input channels
    # under a 3x3 kernel are 576 terms, so all multiply-accumulates run at the full rate.
    compute_us = 576 * 400 * 256 * 128 / (1e6 * t4.tensor_tmacs)
    moved = 2 * (64 * 320**2 + 128 * 320**2 + 128 * (576 + 2))  # bytes: in, out, weights
    traffic_us = moved / (1e3 * t4.bandwidth_gbs)
    expected = t4.conv_us + hypot(compute_us, traffic_us)
    assert 1e3 * t4.op_ms(conv((64, 320, 320), 128, 3)) == pytest.approx(expected)


def test_a_small_convolution_waits_for_its_terms(t4):
    # 5 x 5 positions and 16 channels are one block, far from filling 40 processors; 40 input
    # channels count as 64, so it waits 9 * 64 times for the latency of a term.
    slow = replace(t4, step_ns=50.0)
    traffic_us = 2 * (40 * 25 + 16 * 25 + 16 * (9 * 40 + 2)) / (1e3 * t4.bandwidth_gbs)
    expected = t4.conv_us + hypot(9 * 64 * 0.05, traffic_us)
    assert 1e3 * slow.op_ms(conv((40, 5, 5), 16, 3)) == pytest.approx(expected)


def test_a_network_takes_the_sum_of_its_operators(t4):
    ops = load_backbone("zoo:damo-yolo-t").ops()
    assert t4.latency_ms(ops) == pytest.approx(sum(t4.op_ms(op) for op in ops))


def grown(shape, out_channels, kernel_size, field, by):
    """The same convolution with one of its sizes larger."""
    channels, height, width = shape
    match field:
        case "in_channels":
            return (channels + by, height, width), out_channels, kernel_size
        case "out_channels":
            return shape, out_channels + by, kernel_size
        case "map":
            return (channels, height + by, width), out_channels, kernel_size
        case _:
            return shape, out_channels, kernel_size + 2


@pytest.mark.parametrize("field", ["in_channels", "out_channels", "map", "kernel_size"])
@pytest.mark.parametrize("act", ["relu", "silu"])
def test_no_convolution_gets_cheaper_as_it_grows(t4, field, act):
    rng = random.Random(0)
    for _ in range(2000):
        side = rng.choice([7, 20, 40, 80, 160, 320])
        shape = (rng.randint(1, 512), side, side)
        out_channels, kernel_size, stride = rng.randint(1, 512), rng.choice([1, 3, 5]), 1
        small = shape, out_channels, kernel_size
        large = grown(*small, field, rng.randint(1, 64))
        prices = [t4.op_ms(conv(*size, stride, act=act)) for size in (small, large)]
        assert prices[0] <= prices[1], (small, large)


@pytest.mark.parametrize("kernel_size", [3, 5])
def test_no_depthwise_convolution_gets_cheaper_as_it_grows(t4, kernel_size):
    def price(channels: int, side: int, kernel_size: int) -> float:
        return t4.op_ms(conv((channels, side, side), channels, kernel_size, groups=channels))

    for channels in (8, 48, 256):
        for side in (13, 40, 80):
            base = price(channels, side, kernel_size)
            assert base < price(channels + 8, side, kernel_size)
            assert base < price(channels, side + 1, kernel_size)
            assert base < price(channels, side, kernel_size + 2)


@pytest.mark.parametrize("kind", [kind for kind in OPS if kind != "conv"])
def test_every_other_operator_costs_more_on_a_larger_map(t4, kind):
    op = OPS[kind]
    (c_in, *size_in), (c_out, *size_out) = op.in_shape, op.out_shape
    larger = replace(
        op,
        in_shape=(c_in, *(2 * side for side in size_in)),
        out_shape=(c_out, *(2 * side for side in size_out)),
    )
    assert t4.op_ms(larger) > t4.op_ms(op)


def test_splitting_a_convolution_into_thin_ones_never_pays(t4):
    for channels in (16, 64, 256):
        for side in (20, 80):
            whole = t4.op_ms(conv((channels, side, side), channels, 3))
            thin = t4.op_ms(conv((channels, side, side), channels // 4, 3))
            assert 4 * thin > whole


def test_eight_output_channels_more_are_never_a_wall(t4):
    """A tile begun costs as much as a full one: the largest step is that from one to two."""
    for side in (20, 40, 80, 160):
        for channels in range(32, 512, 8):
            op, more = (conv((64, side, side), channels + by, 3) for by in (0, 8))
            assert t4.op_ms(more) < 1.6 * t4.op_ms(op), op


def test_silu_costs_more_than_relu(t4):
    assert t4.op_ms(conv(SHAPE, 64, 3, act="silu")) > t4.op_ms(conv(SHAPE, 64, 3, act="relu"))


def test_a_residual_costs_its_traffic_and_less_than_an_add(t4):
    plain, fused = (t4.op_ms(conv(SHAPE, 64, adds=adds)) for adds in (False, True))
    assert plain < fused < plain + t4.op_ms(OPS["add"])


def test_it_says_in_one_line_that_it_is_an_estimate_and_how_good(t4):
    assert t4.kind == "estimated"
    assert t4.about.startswith("estimated:") and "\n" not in t4.about
    assert "DAMO-YOLO report" in t4.about
    for scale, error in t4.fit.leave_one_out.items():
        assert f"{scale} {error:+.1f}%" in t4.about
    assert f"mean error {t4.fit.mean_error:.1f}%" in t4.about


def test_the_stated_errors_are_those_on_the_published_rows(t4, calibration, published):
    rows = calibration.distinct(published)
    errors = [abs(calibration.percent_off(t4, row)) for row in rows]
    assert t4.fit.rows == len(rows)
    assert t4.fit.mean_error == pytest.approx(sum(errors) / len(errors), abs=0.006)
    assert t4.fit.max_error == pytest.approx(max(errors), abs=0.006)


def test_the_bundled_model_is_what_the_calibration_finds(t4, calibration, published):
    found = calibration.calibrated(published)
    for name in COEFFICIENTS:
        assert getattr(found, name) == pytest.approx(getattr(t4, name), rel=0.02), name
    assert found.fit.leave_one_out == pytest.approx(t4.fit.leave_one_out, abs=0.1)


def test_each_family_member_is_predicted_by_the_others(t4):
    assert list(t4.fit.leave_one_out) == ["T", "S", "M", "L"]
    assert max(map(abs, t4.fit.leave_one_out.values())) <= 5


def test_no_network_counts_twice_in_the_calibration(calibration, published):
    """S is a row of every ablation table: leaving it out must leave out all of them."""
    s = next(row for row in published if row.network == "S")
    assert sum(row.ops == s.ops for row in published) == 5
    assert sum(row.ops == s.ops for row in calibration.distinct(published)) == 1


@pytest.mark.parametrize("table", ["family", "neck", "queen-fusion", "fusion", "neck-head"])
def test_networks_published_a_tenth_of_a_millisecond_apart_keep_their_order(t4, published, table):
    rows = [row for row in published if row.table == table]
    for slow in rows:
        for fast in rows:
            if slow.latency_ms - fast.latency_ms > 0.1:
                assert t4.latency_ms(slow.ops) > t4.latency_ms(fast.ops), (slow, fast)


def test_the_family_scales_as_on_a_newer_runtime(t4, calibration):
    """TensorRT 10 on the same card, measured by another project: only ratios carry over."""
    measured = {"t": 2.32, "s": 3.45, "m": 5.09, "l": 7.18}
    predicted = {scale: t4.latency_ms(calibration.family_member(scale)) for scale in measured}
    for scale, ms in measured.items():
        assert predicted[scale] / predicted["s"] == pytest.approx(ms / measured["s"], rel=0.06)


def test_a_bundled_model_is_found_by_name_and_a_stranger_is_not(t4):
    assert "t4" in roofline_names()
    with pytest.raises(DeviceError, match="no bundled model of 't5'; known: .*t4"):
        load_roofline("t5")


@pytest.mark.parametrize(
    ("line", "changed", "message"),
    [
        ("sms: 40", "sms: 0", "sms: must be positive, got 0"),
        ("sms: 40", "sm: 40", "sm: no such field; did you mean sms"),
        ("  rows: 16", "  rows: many", "fit.rows: .* got 'many'"),
        ("maenas/roofline@1", "maenas/roofline@2", "newer maenas"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused(tmp_path, line, changed, message):
    text = (ROOT / "budgets" / "devices" / "t4.yaml").read_text("utf-8")
    assert line in text
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace(line, changed), encoding="utf-8")
    with pytest.raises(SpecError, match=message):
        load_roofline(path)
