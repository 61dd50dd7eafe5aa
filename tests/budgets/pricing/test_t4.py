"""The bundled T4 model is as good as it says."""

import pytest

from benchmarks import calibrate_t4
from benchmarks.t4_rows import distinct, family_member, mean_error, percent_off, read_published
from maenas.budgets.pricing.roofline import COEFFICIENTS, Roofline
from maenas.budgets.pricing.roofline_file import load_roofline


@pytest.fixture(scope="module")
def t4() -> Roofline:
    return load_roofline("t4-trt7")


@pytest.fixture(scope="module")
def published():
    return read_published()


def test_the_stated_errors_are_those_on_the_published_rows(t4, published):
    rows = distinct(published)
    errors = [abs(percent_off(t4, row)) for row in rows]
    assert t4.fit.rows == len(rows)
    assert t4.fit.mean_error == pytest.approx(sum(errors) / len(errors), abs=0.006)
    assert t4.fit.max_error == pytest.approx(max(errors), abs=0.006)


@pytest.mark.slow
def test_the_bundled_model_is_what_the_calibration_finds(t4, published):
    found = calibrate_t4.with_fit(calibrate_t4.calibrated(published), published)
    for name in COEFFICIENTS:
        assert getattr(found, name) == pytest.approx(getattr(t4, name), rel=0.02), name
    assert found.fit.leave_one_out == pytest.approx(t4.fit.leave_one_out, abs=0.1)
    assert found.fit.families == t4.fit.families
    assert found.sizes == t4.sizes


def test_nothing_it_was_calibrated_on_is_a_guess(t4, published):
    assert not any(t4.guess(op) for row in published for op in row.ops)


def test_every_scale_is_physical(t4):
    """Nothing a calibration finds may stand for something else; bounds of a T4's data sheet."""
    assert 12 < t4.tensor_tmacs < 65 / 2  # 65 TFLOP/s are 32.5e12 multiply-accumulates
    assert 150 < t4.bandwidth_gbs < 320
    assert 2 < t4.conv_us < 10
    assert 2 < t4.pointwise_us < 10
    assert t4.elementwise_share <= 1
    assert t4.concat_share <= 1
    assert 1 <= t4.relayout <= 3
    assert 8 < t4.decode_kernels < 16


def test_each_family_member_is_predicted_by_the_others(t4):
    assert list(t4.fit.leave_one_out) == ["T", "S", "M", "L"]
    assert max(map(abs, t4.fit.leave_one_out.values())) <= 5


def test_the_ablations_are_predicted_within_four_percent_on_average(t4, published):
    errors = [percent_off(t4, row) for row in published if row.table != "family"]
    assert len(errors) == 17
    assert mean_error(errors) <= 4


def test_other_families_left_out_are_predicted(t4):
    assert list(t4.fit.families) == ["YOLOX", "YOLOv5", "YOLOv6", "YOLOv7", "YOLOE"]
    # YOLOv7-T is published slower than YOLOv5-S, which has more kernels, traffic and operations.
    assert all(error <= 10 for name, error in t4.fit.families.items() if name != "YOLOv7")
    assert t4.fit.families["YOLOv7"] <= 15


def test_no_network_counts_twice_in_the_calibration(published):
    """S is a row of every ablation table: leaving it out must leave out all of them."""
    s = next(row for row in published if row.network == "S")
    assert sum(row.ops == s.ops for row in published) == 5
    assert sum(row.ops == s.ops for row in distinct(published)) == 1


@pytest.mark.parametrize("table", ["family", "neck", "queen-fusion", "fusion", "neck-head"])
def test_networks_published_a_tenth_of_a_millisecond_apart_keep_their_order(t4, published, table):
    rows = [row for row in published if row.table == table]
    for slow in rows:
        for fast in rows:
            if slow.latency_ms - fast.latency_ms > 0.1:
                assert t4.latency_ms(slow.ops) > t4.latency_ms(fast.ops), (slow, fast)


def test_the_family_scales_as_on_a_newer_runtime(t4):
    """TensorRT 10 on the same card, measured by another project: only ratios carry over."""
    measured = {"t": 2.32, "s": 3.45, "m": 5.09, "l": 7.18}
    predicted = {scale: t4.latency_ms(family_member(scale)) for scale in measured}
    for scale, ms in measured.items():
        assert predicted[scale] / predicted["s"] == pytest.approx(ms / measured["s"], rel=0.05)
