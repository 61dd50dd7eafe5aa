"""The bundled T4 model is sane for a search to lean on."""

import random
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from maenas.blocks import Op, load_backbone
from maenas.blocks.errors import SpecError
from maenas.blocks.op import OpKind, avg_pool, concat, conv, max_pool, upsample
from maenas.budgets.latency import DeviceError
from maenas.budgets.pricing.roofline import Roofline
from maenas.budgets.pricing.roofline_file import load_roofline, roofline_names

ROOT = Path(__file__).parents[3]
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
    "act": Op("act", SHAPE, SHAPE, act="silu"),
    "copy": Op("copy", SHAPE, SHAPE),
    "matmul": Op("matmul", (64, 40, 40), (96, 40, 40)),
    "softmax": Op("softmax", SHAPE, SHAPE),
    "deconv": Op("deconv", SHAPE, (64, 80, 80), kernel_size=2, stride=2),
    "split": Op("split", SHAPE, (32, 40, 40)),
    "crop": Op("crop", SHAPE, (32, 40, 40)),
    "gather": Op("gather", (8400, 1, 1), (300, 1, 1)),
    "norm": Op("norm", SHAPE, SHAPE),
    "topk": Op("topk", (8400, 1, 1), (300, 1, 1)),
    "grid_sample": Op("grid_sample", SHAPE, SHAPE),
}


@pytest.fixture(scope="module")
def t4() -> Roofline:
    return load_roofline("t4-trt7")


@pytest.mark.parametrize("kind", get_args(OpKind))
def test_every_kind_of_operator_takes_time(t4, kind):
    assert t4.op_ms(OPS[kind]) > 0


def test_an_unknown_kind_is_an_error_that_names_it(t4):
    with pytest.raises(DeviceError, match="t4-trt7: has no price for operator 'fft'"):
        t4.op_ms(Op("fft", SHAPE, SHAPE))


@pytest.mark.parametrize(
    ("op", "words"),
    [
        (conv((64, 80, 80), 128, 3), None),
        (conv((4096, 80, 80), 128, 3), "conv was calibrated for 12 to 1792 input channels, not"),
        (conv((64, 7, 7), 128, 3), "conv was calibrated for 400 to 102400 positions, not 49"),
        (conv((64, 80, 80), 64, 3, groups=64), "calibrated on has a depthwise"),
        (Op("softmax", SHAPE, SHAPE), "calibrated on has a softmax"),
        (conv((64, 80, 80), 128, (1, 7)), "conv was calibrated for square kernels, not 1x7"),
    ],
)
def test_a_price_beyond_the_calibration_is_a_guess(t4, op, words):
    told = t4.guess(op)
    assert told is None if words is None else words in told


def test_a_large_convolution_is_priced_as_derived_by_hand(t4):
    # 320 x 320 positions are 400 tiles of 256 x 128, 10 waves on 40 processors; 64 input channels
    # under a 3x3 kernel are 576 terms, so all multiply-accumulates run at the full rate.
    # A block's start and end cost as much as a few terms more.
    terms = 576 + t4.fill_terms
    compute_us = terms * 400 * 256 * 128 / (1e6 * t4.tensor_tmacs)
    moved = 2 * (64 * 320**2 + 128 * 320**2 + 128 * (576 + 2))  # bytes: in, out, weights
    traffic_us = moved / (1e3 * t4.bandwidth_gbs)
    expected = t4.conv_us + compute_us + traffic_us
    assert 1e3 * t4.op_ms(conv((64, 320, 320), 128, 3)) == pytest.approx(expected)


def test_a_rectangular_kernel_costs_as_much_as_another_of_its_area(t4):
    wide, tall = (conv((64, 80, 80), 128, kernel, norm=False) for kernel in ((1, 9), (9, 1)))
    assert t4.op_ms(wide) == t4.op_ms(conv((64, 80, 80), 128, 3, norm=False))
    assert t4.op_ms(tall) == t4.op_ms(wide)


def test_a_small_convolution_waits_for_its_terms(t4):
    # 5 x 5 positions and 16 channels are one block, far from filling 40 processors; 40 input
    # channels count as 64, so it waits 9 * 64 times for the latency of a term, and to start.
    slow = replace(t4, step_ns=50.0)
    traffic_us = 2 * (40 * 25 + 16 * 25 + 16 * (9 * 40 + 2)) / (1e3 * t4.bandwidth_gbs)
    expected = t4.conv_us + (9 * 64 + t4.fill_terms) * 0.05 + traffic_us
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
        prices = [
            t4.op_ms(conv(shape, out, kernel, stride, act=act))
            for shape, out, kernel in (small, large)
        ]
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


def scaled(op, factor, axes):
    """The same operator with some axes of what it reads and writes larger."""

    def larger(shape):
        return tuple(size * factor if axis in axes else size for axis, size in enumerate(shape))

    return replace(op, in_shape=larger(op.in_shape), out_shape=larger(op.out_shape))


@pytest.mark.parametrize("axes", [(0,), (1, 2)], ids=["channels", "map"])
@pytest.mark.parametrize("kind", [kind for kind in OPS if kind != "conv"])
def test_no_other_operator_gets_cheaper_as_it_grows(t4, kind, axes):
    prices = [t4.op_ms(scaled(OPS[kind], factor, axes)) for factor in range(1, 17)]
    assert prices == sorted(prices)
    if axes == (1, 2):
        assert prices[-1] > 2 * prices[0]


def test_a_small_map_costs_an_elementwise_kernel_no_less_than_its_launch(t4):
    few, many = Op("copy", (8, 20, 20), (8, 20, 20)), Op("copy", (64, 320, 320), (64, 320, 320))
    assert 1e3 * t4.op_ms(few) == t4.pointwise_us
    moved = 2 * 2 * 64 * 320**2  # bytes: in, out
    assert 1e3 * t4.op_ms(many) == pytest.approx(moved / (1e3 * t4.bandwidth_gbs))


def test_a_matrix_product_costs_as_much_as_the_convolution_it_is(t4):
    product = Op("matmul", (256, 1600, 1), (128, 1600, 1))  # 1600 rows of 256, as of a 40 x 40 map
    # The same terms, tiles and traffic, but for the 128 biases of the convolution.
    biases_us = 2 * 128 / (1e3 * t4.bandwidth_gbs)
    convolution_us = 1e3 * t4.op_ms(conv((256, 40, 40), 128, norm=False))
    assert 1e3 * t4.op_ms(product) == pytest.approx(convolution_us - biases_us)


def test_a_batch_of_matrix_products_fills_the_device_as_one_tall_product_does(t4):
    # 8 x 512 rows are whole tiles of every height, so only the other factors differ: 7 more.
    factors_us = 2 * 7 * 64 * 128 / (1e3 * t4.bandwidth_gbs)
    tall, batch = (
        1e3 * t4.op_ms(Op("matmul", (64, rows, count), (128, rows, count)))
        for rows, count in ((4096, 1), (512, 8))
    )
    assert batch == pytest.approx(tall + factors_us)


def test_a_transposed_convolution_is_a_product_into_windows(t4):
    # Each of 40 x 40 positions becomes 2 x 2 of 64 channels: 256 columns, as of a 1x1 convolution.
    biases_us = 2 * 256 / (1e3 * t4.bandwidth_gbs)
    convolution_us = 1e3 * t4.op_ms(conv(SHAPE, 256, norm=False))
    assert 1e3 * t4.op_ms(OPS["deconv"]) == pytest.approx(convolution_us - biases_us)


def test_relu_rides_free_in_a_product_and_silu_does_not(t4):
    for kind in ("matmul", "deconv"):
        plain, relu, silu = (
            t4.op_ms(replace(OPS[kind], act=act)) for act in ("none", "relu", "silu")
        )
        assert plain == relu < silu


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
    assert t4.about.startswith("estimated:")
    assert "\n" not in t4.about
    assert "DAMO-YOLO report" in t4.about
    for scale, error in t4.fit.leave_one_out.items():
        assert f"{scale} {error:+.1f}%" in t4.about
    families = t4.fit.families
    mean, worst = sum(families.values()) / len(families), max(families.values())
    name = next(name for name, error in families.items() if error == worst)
    assert t4.about.endswith(
        f"; each of {len(families)} families, mean error {mean:.1f}%, worst {worst:.1f}% ({name})"
    )


def test_a_model_that_saw_no_other_family_does_not_speak_of_them(t4):
    alone = replace(t4, fit=replace(t4.fit, families={}))
    assert "families" not in alone.about


def test_a_bundled_model_is_found_by_name_and_a_stranger_is_not(t4):
    assert "t4" in roofline_names()
    with pytest.raises(DeviceError, match=r"no bundled model of 't5'; known: .*t4"):
        load_roofline("t5")


@pytest.mark.parametrize(
    ("line", "changed", "message"),
    [
        ("sms: 40", "sms: 0", "sms: must be positive, got 0"),
        ("sms: 40", "sm: 40", "sm: no such field; did you mean sms"),
        ("  rows: 16", "  rows: many", "fit.rows: .* got 'many'"),
        ("maenas/roofline@1", "maenas/roofline@3", "newer maenas"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused(tmp_path, line, changed, message):
    text = (ROOT / "budgets" / "devices" / "t4-trt7.yaml").read_text("utf-8")
    assert line in text
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace(line, changed), encoding="utf-8")
    with pytest.raises(SpecError, match=message):
        load_roofline(path)
