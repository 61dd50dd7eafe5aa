"""The score in closed form, and with borders counted in, is what the reference and hands find."""

from __future__ import annotations

import json
from math import inf, log, nan, sqrt
from pathlib import Path
from typing import Any

import pytest

from maenas.blocks import (
    BLOCKS,
    CSP,
    SPP,
    Backbone,
    Block,
    ConvStem,
    FocusStem,
    Mob,
    ResK1DWK1,
    ResK1DWSEK1,
    ResK1KX,
    ResK1KXK1,
    ResKXKX,
    SpecError,
    load_backbone,
)
from maenas.nas import DEFAULT_WEIGHTS, effectiveness, expected_entropy, level_scores, max_entropy

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "data" / "max_entropy_golden.json").read_text(encoding="utf-8")
)
every_structure = pytest.mark.parametrize("name", GOLDEN)


def golden_backbone(name: str, side: int | None = None) -> Backbone:
    """A published structure as ours, at its own resolution or another."""
    entry = GOLDEN[name]
    stages: list[Block] = []
    for kind, out_channels, kernel_size, stride, bottleneck_channels, depth in entry["stages"]:
        fields = {"out_channels": out_channels, "kernel_size": kernel_size, "stride": stride}
        if depth is not None:
            fields |= {"bottleneck_channels": bottleneck_channels, "depth": depth}
        stages.append(BLOCKS[kind](**fields))
    channels, height, width = entry["in_shape"]
    return Backbone(tuple(stages), (len(stages) - 1,), (channels, side or height, side or width))


def after_stem(*stages: Block, in_shape: tuple[int, int, int] = (3, 64, 64)) -> Backbone:
    """A backbone of some stages behind a stem of 16 channels."""
    return Backbone((ConvStem(out_channels=16), *stages), (len(stages),), in_shape)


# The reference.


@every_structure
def test_the_closed_form_is_the_reference_score(name: str) -> None:
    backbone = golden_backbone(name)
    for weights, score in GOLDEN[name]["scores"]:
        assert max_entropy(backbone, weights) == pytest.approx(score, rel=1e-12)


@pytest.mark.parametrize("name", [name for name in GOLDEN if GOLDEN[name]["levels"]])
def test_every_level_scores_as_in_the_reference(name: str) -> None:
    assert level_scores(golden_backbone(name)) == pytest.approx(GOLDEN[name]["levels"], rel=1e-12)


@pytest.mark.parametrize(
    ("name", "side"),
    [
        (name, int(side))
        for name in GOLDEN
        if GOLDEN[name]["expected"]
        for side in GOLDEN[name]["expected"]["by_resolution"]
    ],
)
def test_the_expectation_is_the_reference_propagation(name: str, side: int) -> None:
    expected = GOLDEN[name]["expected"]
    score = expected["by_resolution"][str(side)]
    found = expected_entropy(golden_backbone(name, side), expected["weights"])
    assert found == pytest.approx(score, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "run"),
    [(name, run) for name in GOLDEN for run in range(len(GOLDEN[name]["monte_carlo"]))],
)
def test_the_expectation_is_what_the_reference_measures_on_random_networks(
    name: str, run: int
) -> None:
    measured = GOLDEN[name]["monte_carlo"][run]
    found = expected_entropy(golden_backbone(name, measured["resolution"]), measured["weights"])
    standard_error = measured["std"] / sqrt(measured["seeds"])
    assert found == pytest.approx(measured["mean"], abs=4 * standard_error)


@pytest.mark.parametrize(
    "name", [name for name in GOLDEN if GOLDEN[name]["effectiveness"] is not None]
)
def test_effectiveness_is_that_of_the_reference(name: str) -> None:
    found = effectiveness(golden_backbone(name))
    assert found == pytest.approx(GOLDEN[name]["effectiveness"], rel=1e-12)


def test_the_goldens_hold_every_family_the_reference_has() -> None:
    kinds = {stage[0] for entry in GOLDEN.values() for stage in entry["stages"]}
    assert kinds == {
        *("conv_stem", "res_k1kx", "res_kxkx", "res_k1kxk1", "res_k1dwk1", "res_k1dwsek1")
    }


def test_the_published_s_backbone_scores_588_under_the_default_weights() -> None:
    backbone = load_backbone("zoo:damo-yolo-s")
    assert DEFAULT_WEIGHTS == (0, 0, 1, 1, 6)
    assert max_entropy(backbone) == max_entropy(backbone, (0, 0, 1, 1, 6))
    assert max_entropy(backbone) == pytest.approx(588.11, abs=0.005)


# By hand.


def test_the_closed_form_is_a_sum_of_logarithms_derived_by_hand() -> None:
    backbone = Backbone(
        (
            ConvStem(out_channels=8),
            ResK1KX(out_channels=16, bottleneck_channels=4, stride=2, depth=2),
        ),
        features=(1,),
        in_shape=(3, 64, 64),
    )
    stem = log(sqrt(3 * 9))
    units = log(sqrt(8)) + log(sqrt(4 * 9)) + log(sqrt(16)) + log(sqrt(4 * 9))
    first, second = stem + log(8), stem + units + log(16)
    assert level_scores(backbone) == pytest.approx((first, second), rel=1e-14)
    assert max_entropy(backbone, (2, 5)) == pytest.approx(2 * first + 5 * second, rel=1e-14)


def test_stages_of_one_resolution_score_once_with_the_width_of_the_last() -> None:
    backbone = after_stem(
        ResK1KX(out_channels=24, bottleneck_channels=8, stride=2),
        ResK1KX(out_channels=32, bottleneck_channels=8, stride=1),
    )
    both = log(sqrt(16)) + log(sqrt(8 * 9)) + log(sqrt(24)) + log(sqrt(8 * 9))
    assert level_scores(backbone) == pytest.approx(
        (log(sqrt(27)) + log(16), log(sqrt(27)) + both + log(32)), rel=1e-14
    )


@pytest.mark.parametrize("inner", ["k1kx", "kxkx"])
def test_a_csp_stage_scores_its_real_chain(inner: str) -> None:
    csp = CSP(out_channels=24, bottleneck_channels=10, inner=inner, depth=3, stride=2)
    down, start, fuse = log(sqrt(16 * 9)), log(sqrt(24)), log(sqrt(24))
    reduce = log(sqrt(12)) if inner == "k1kx" else log(sqrt(12 * 9))
    chain = down + start + 3 * (reduce + log(sqrt(10 * 9))) + fuse
    expected = log(sqrt(27)) + chain + log(24)
    assert level_scores(after_stem(csp))[1] == pytest.approx(expected, rel=1e-14)


def test_a_depthwise_convolution_sums_its_kernel_alone() -> None:
    stage = ResK1DWK1(out_channels=24, bottleneck_channels=40, kernel_size=5, stride=2)
    chain = log(sqrt(16)) + log(sqrt(25)) + log(sqrt(40))
    expected = log(sqrt(27)) + chain + log(24)
    assert level_scores(after_stem(stage))[1] == pytest.approx(expected, rel=1e-14)


def test_effectiveness_is_depth_over_the_geometric_mean_of_the_fan_ins() -> None:
    backbone = after_stem(ResK1KXK1(out_channels=64, bottleneck_channels=8, stride=2))
    stem = 1 / 27  # one convolution deep
    whole = 4 / (27 * 16 * (8 * 9) * 8) ** (1 / 4)  # four deep, and larger
    assert stem < whole
    assert effectiveness(backbone) == pytest.approx(whole, rel=1e-14)


def test_the_least_effective_level_counts_even_if_it_is_not_the_last() -> None:
    narrow = ResK1KX(out_channels=16, bottleneck_channels=2, kernel_size=1, stride=2, depth=4)
    wide = ResKXKX(out_channels=512, bottleneck_channels=512, kernel_size=7, stride=2, depth=2)
    worst = 9 / (27 * (16 * 2) ** 4) ** (1 / 9)
    assert effectiveness(after_stem(narrow)) == pytest.approx(worst, rel=1e-14)
    assert effectiveness(after_stem(narrow, wide)) == pytest.approx(worst, rel=1e-14)


# What only costs.

WITH_AND_WITHOUT = {
    "shortcut and projection of a strided unit": (
        after_stem(ResK1KX(out_channels=24, bottleneck_channels=8, stride=2)),
        after_stem(
            ResK1KX(out_channels=24, bottleneck_channels=8, stride=2, strided_shortcut=True)
        ),
    ),
    "squeeze-and-excite": (
        after_stem(ResK1DWK1(out_channels=16, bottleneck_channels=64, depth=2, act="silu")),
        after_stem(ResK1DWSEK1(out_channels=16, bottleneck_channels=64, depth=2)),
    ),
    "SPP as a stage": (
        after_stem(ResKXKX(out_channels=24, bottleneck_channels=8, stride=2)),
        after_stem(ResKXKX(out_channels=24, bottleneck_channels=8, stride=2), SPP()),
    ),
    "SPP in a stage": (
        after_stem(Mob(out_channels=24, expand_ratio=3.0, stride=2, depth=2)),
        after_stem(Mob(out_channels=24, expand_ratio=3.0, stride=2, depth=2, spp=True)),
    ),
    "SPP in a CSP stage": (
        after_stem(CSP(out_channels=24, bottleneck_channels=8)),
        after_stem(CSP(out_channels=24, bottleneck_channels=8, spp=True)),
    ),
    "Focus slicing": (
        Backbone((ConvStem(out_channels=16, stride=1),), (0,), (12, 20, 28)),
        Backbone((FocusStem(out_channels=16),), (0,), (3, 40, 56)),
    ),
}


@pytest.mark.parametrize("part", WITH_AND_WITHOUT)
def test_a_part_that_only_costs_does_not_score(part: str) -> None:
    without, given = WITH_AND_WITHOUT[part]
    assert len(given.ops()) > len(without.ops())
    assert level_scores(given) == level_scores(without)
    assert effectiveness(given) == effectiveness(without)
    weights = (1.0,) * len(level_scores(given))
    assert expected_entropy(given, weights) == pytest.approx(
        expected_entropy(without, weights), rel=1e-14
    )


def test_the_projection_of_a_unit_that_widens_does_not_score() -> None:
    stage = ResK1KXK1(out_channels=40, bottleneck_channels=8)  # stride 1, 16 -> 40
    assert any(op.kind == "conv" and op.path == "none" for op in after_stem(stage).ops())
    chain = log(sqrt(16)) + log(sqrt(8 * 9)) + log(sqrt(8))
    expected = log(sqrt(27)) + chain + log(40)
    assert level_scores(after_stem(stage)) == pytest.approx((expected,), rel=1e-14)


# The borders.

Map = list[list[float]]


def propagated(
    variance: Map, channels: int, kernel_size: int, stride: int = 1
) -> tuple[float, Map]:
    """Log gain of a convolution, and the variance of its output scaled to a mean of 1, by loops."""
    border, height, width = kernel_size // 2, len(variance), len(variance[0])
    out = []
    for top in range(-border, height + border - kernel_size + 1, stride):
        row = []
        for left in range(-border, width + border - kernel_size + 1, stride):
            total = 0.0
            for y in range(top, top + kernel_size):
                for x in range(left, left + kernel_size):
                    if 0 <= y < height and 0 <= x < width:
                        total += channels * variance[y][x]
            row.append(total)
        out.append(row)
    mean = sum(map(sum, out)) / (len(out) * len(out[0]))
    return log(sqrt(mean)), [[value / mean for value in row] for row in out]


def chained(variance: Map, *convs: tuple[int, ...]) -> tuple[float, Map]:
    """Total log gain of convolutions in a row: (channels a group, kernel size, stride if any)."""
    total = 0.0
    for conv in convs:
        gain, variance = propagated(variance, *conv)
        total += gain
    return total, variance


def flat(height: int, width: int) -> Map:
    return [[1.0] * width for _ in range(height)]


@pytest.mark.parametrize("size", [(17, 23), (16, 9), (5, 31)], ids=str)
def test_the_expectation_of_residual_stages_is_that_of_plain_loops(size: tuple[int, int]) -> None:
    backbone = Backbone(
        (
            ConvStem(out_channels=8),
            ResK1KX(out_channels=12, bottleneck_channels=6, kernel_size=5, stride=2, depth=2),
            ResKXKX(out_channels=14, bottleneck_channels=5, stride=1),
        ),
        features=(2,),
        in_shape=(3, *size),
    )
    stem, variance = propagated(flat(*size), 3, 3, 2)
    k1kx, variance = chained(variance, (8, 1), (6, 5, 2), (12, 1), (6, 5))
    kxkx, _ = chained(variance, (12, 3), (5, 3))
    expected = 2 * (stem + log(8)) + 5 * (stem + k1kx + kxkx + log(14))
    assert expected_entropy(backbone, (2, 5)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("size", [(21, 14), (9, 9)], ids=str)
@pytest.mark.parametrize("stride", [1, 2])
def test_the_expectation_of_a_csp_stage_is_that_of_plain_loops(
    size: tuple[int, int], stride: int
) -> None:
    csp = CSP(out_channels=12, bottleneck_channels=5, kernel_size=5, stride=stride, depth=2)
    backbone = Backbone((ConvStem(out_channels=8, stride=1), csp), (1,), (3, *size))
    stem, variance = propagated(flat(*size), 3, 3)
    down, variance = propagated(variance, 8, 3, stride)
    _, side = propagated(variance, 12, 1)
    start, variance = propagated(variance, 12, 1)
    units, variance = chained(variance, *[(6, 5), (5, 5)] * 2)
    halves = [
        [(a + b) / 2 for a, b in zip(*rows, strict=True)]
        for rows in zip(variance, side, strict=True)
    ]
    fuse, after = propagated(halves, 12, 1)
    chain = stem + down + start + units + fuse
    above = 0.0 if stride == 1 else 2 * (stem + log(8))  # with stride 1 all is of one level
    expected = above + 3 * (chain + log(12))
    weights = (3.0,) if stride == 1 else (2.0, 3.0)
    assert expected_entropy(backbone, weights) == pytest.approx(expected, rel=1e-12)
    # What follows sees the mix of both halves: a 3x3 stage behind it.
    behind = ResKXKX(out_channels=16, bottleneck_channels=4, stride=2)
    longer = Backbone((*backbone.stages, behind), (2,), backbone.in_shape)
    more, _ = chained(after, (12, 3), (4, 3, 2))
    expected += 7 * (chain + more + log(16))
    assert expected_entropy(longer, (*weights, 7.0)) == pytest.approx(expected, rel=1e-12)


def test_the_expectation_of_focus_and_depthwise_is_that_of_plain_loops() -> None:
    mob = Mob(out_channels=16, expand_ratio=2.0, kernel_size=5, stride=2, depth=2)
    backbone = Backbone((FocusStem(out_channels=8), mob), (1,), (3, 18, 26))
    stem, variance = propagated(flat(9, 13), 12, 3)
    units, _ = chained(variance, (8, 1), (1, 5, 2), (32, 1), (16, 1), (1, 5), (32, 1))
    expected = stem + log(8) + 3 * (stem + units + log(16))
    assert expected_entropy(backbone, (1, 3)) == pytest.approx(expected, rel=1e-12)


def test_without_borders_the_expectation_is_the_closed_form() -> None:
    backbone = Backbone(
        (
            ConvStem(out_channels=8, kernel_size=1),
            ResK1KX(out_channels=16, bottleneck_channels=4, kernel_size=1, stride=2),
        ),
        features=(1,),
        in_shape=(3, 32, 48),
    )
    assert expected_entropy(backbone, (1, 2)) == pytest.approx(
        max_entropy(backbone, (1, 2)), rel=1e-14
    )


def test_borders_take_away_less_the_larger_the_image() -> None:
    stages = load_backbone("zoo:damo-yolo-t").stages
    images = [Backbone(stages, (5,), (3, side, side)) for side in (128, 256, 512)]
    losses = [max_entropy(image) - expected_entropy(image) for image in images]
    assert losses[0] > losses[1] > losses[2] > 0


# Bad input.


@pytest.mark.parametrize("score", [max_entropy, expected_entropy])
@pytest.mark.parametrize(
    "weights", [(1, 1, 1), (1,), (), (0, 0), (1, -1), (1, nan), (inf, 1)], ids=str
)
def test_weights_that_do_not_fit_are_refused(score: Any, weights: tuple[float, ...]) -> None:
    backbone = after_stem(ResK1KX(out_channels=24, bottleneck_channels=8, stride=2))
    with pytest.raises(SpecError, match=r"one per resolution level is needed \(2 here\)"):
        score(backbone, weights)
