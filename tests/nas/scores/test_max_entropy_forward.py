"""Real random networks score what the expectation says."""

from __future__ import annotations

from math import exp, sqrt
from statistics import mean, stdev

import pytest
import torch

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
)
from maenas.blocks.op import Op, conv
from maenas.nas import expected_entropy, max_entropy
from maenas.nas.scores.max_entropy import log_gain
from maenas.nas.scores.max_entropy_forward import max_entropy_forward

SEEDS = range(12)
FAMILIES: dict[str, Block] = {
    "res_k1kx": ResK1KX(
        out_channels=48, bottleneck_channels=24, stride=2, depth=2, rep=True, spp=True
    ),
    "res_k1kx with a strided shortcut": ResK1KX(
        out_channels=48, bottleneck_channels=24, stride=2, depth=2, strided_shortcut=True
    ),
    "res_kxkx": ResKXKX(out_channels=48, bottleneck_channels=32, stride=2, depth=2, rep=True),
    "csp": CSP(out_channels=64, bottleneck_channels=32, depth=2, spp=True),
    "csp of k1kx": CSP(out_channels=64, bottleneck_channels=32, depth=2, inner="k1kx", rep=False),
    "res_k1kxk1": ResK1KXK1(
        out_channels=64, bottleneck_channels=32, kernel_size=5, stride=2, depth=2
    ),
    "res_k1dwk1": ResK1DWK1(out_channels=48, bottleneck_channels=96, stride=2, depth=2),
    "res_k1dwsek1": ResK1DWSEK1(
        out_channels=48, bottleneck_channels=96, kernel_size=5, stride=2, depth=2
    ),
    "mob": Mob(out_channels=48, expand_ratio=2.5, stride=2, depth=2, spp=True),
}


def network(stage: Block, stem: Block | None = None) -> Backbone:
    """A stage behind a stem, on a small image that is not square."""
    return Backbone((stem or ConvStem(out_channels=32), stage), (1,), (3, 40, 28))


@pytest.mark.parametrize("family", FAMILIES)
def test_random_networks_score_the_expectation_on_average(family: str) -> None:
    backbone = network(FAMILIES[family])
    measured = max_entropy_forward(backbone, (1, 1), SEEDS)
    expected = expected_entropy(backbone, (1, 1))
    assert measured.mean == pytest.approx(expected, abs=4 * measured.standard_error)


@pytest.mark.parametrize("stage", [None, SPP()], ids=["focus_stem", "focus_stem and spp"])
def test_a_random_focus_stem_scores_the_expectation_on_average(stage: Block | None) -> None:
    stages = (FocusStem(out_channels=48), *([stage] if stage else []))
    backbone = Backbone(stages, (0,), (3, 40, 28))
    measured = max_entropy_forward(backbone, (1,), SEEDS)
    expected = expected_entropy(backbone, (1,))
    assert measured.mean == pytest.approx(expected, abs=4 * measured.standard_error)


def test_every_kind_of_block_was_run() -> None:
    stages = [*FAMILIES.values(), ConvStem(out_channels=32), FocusStem(out_channels=48), SPP()]
    assert {stage.kind for stage in stages} == set(BLOCKS)


def test_the_closed_form_is_too_high_where_borders_matter() -> None:
    stage = ResK1KX(out_channels=48, bottleneck_channels=32, kernel_size=5, stride=2, depth=4)
    backbone = Backbone((ConvStem(out_channels=32), stage), (1,), (3, 24, 24))
    measured = max_entropy_forward(backbone, (0, 1), SEEDS)
    expected = expected_entropy(backbone, (0, 1))
    assert measured.mean == pytest.approx(expected, abs=4 * measured.standard_error)
    assert measured.mean < max_entropy(backbone, (0, 1)) - 4 * measured.standard_error


def test_a_seed_gives_one_score_and_another_seed_another() -> None:
    backbone = network(FAMILIES["res_k1kx"])
    first = max_entropy_forward(backbone, (1, 1), seeds=[3, 4])
    again = max_entropy_forward(backbone, (1, 1), seeds=[4, 3])
    assert first.scores == again.scores[::-1]
    assert first.scores[0] != first.scores[1]


def test_the_score_does_not_hang_on_the_global_generator() -> None:
    backbone = network(FAMILIES["res_k1kx"])
    scores = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        scores.append(max_entropy_forward(backbone, (1, 1), seeds=[0]).mean)
    assert scores[0] == scores[1]


def test_the_spread_over_seeds_is_reported() -> None:
    measured = max_entropy_forward(network(FAMILIES["mob"]), (1, 1), SEEDS)
    assert len(measured.scores) == len(SEEDS)
    assert measured.mean == mean(measured.scores)
    assert measured.standard_error == stdev(measured.scores) / sqrt(len(SEEDS))
    assert max_entropy_forward(network(FAMILIES["mob"]), (1, 1), [0]).standard_error == 0


def test_weights_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SpecError, match=r"\(2 here\)"):
        max_entropy_forward(network(FAMILIES["mob"]), (1, 1, 1))


@pytest.mark.parametrize(
    "op",
    [
        conv((24, 40, 40), 64, path="main"),
        conv((24, 40, 40), 64, 3, path="main"),
        conv((24, 40, 40), 64, 5, 2, path="main"),
        conv((64, 40, 40), 64, 3, groups=64, path="main"),
        conv((64, 40, 40), 64, 3, groups=4, path="main"),
    ],
    ids=["1x1", "3x3", "5x5 strided", "depthwise", "grouped"],
)
def test_a_random_convolution_gains_what_log_gain_says(op: Op) -> None:
    generator = torch.Generator().manual_seed(0)
    channels, *size = op.in_shape
    shape = (op.out_shape[0], channels // op.groups, op.kernel_size, op.kernel_size)
    deviations = []
    for _ in range(8):
        x = torch.randn((1, channels, *size), generator=generator)
        weight = torch.randn(shape, generator=generator)
        y = torch.nn.functional.conv2d(x, weight, stride=op.stride, groups=op.groups)  # no borders
        deviations.append(float(y.std() / x.std()))
    assert mean(deviations) == pytest.approx(exp(log_gain(op)), rel=0.05)


@pytest.mark.parametrize("path", ["side", "none"])
def test_what_is_not_on_the_main_path_gains_nothing(path: str) -> None:
    assert log_gain(conv((24, 40, 40), 64, 3, path=path)) == 0
