"""Scores that need gradients or perturbed passes: repeatable, finite, and by hand where short."""

from __future__ import annotations

from math import isfinite, log

import pytest
import torch

from maenas.blocks import Backbone, ConvStem, ResK1KX, SpecError
from maenas.blocks.layers.deploy import deploy
from maenas.nas import load_forward, load_score
from maenas.nas.scores.gradient_proxies import SynFlow, Zen, ZiCo

NAMES = ("synflow", "zen", "zico")


def backbone(depth: int = 1, act: str = "relu") -> Backbone:
    stages = [
        ResK1KX(out_channels=16, bottleneck_channels=8, stride=2, depth=depth, act=act)  # type: ignore[arg-type]
        for _ in range(3)
    ]
    return Backbone((ConvStem(out_channels=8), *stages), (1, 2, 3), (3, 64, 64))


@pytest.mark.parametrize("act", ["relu", "silu"])
@pytest.mark.parametrize("name", NAMES)
def test_a_seed_decides_the_score_and_torch_keeps_its_own(name: str, act: str) -> None:
    score = load_forward(name, load_score("log-entropy"), 4)
    torch.manual_seed(5)
    expected = torch.randn(1)
    torch.manual_seed(5)
    first = score(backbone(act=act), 0)
    assert torch.equal(torch.randn(1), expected)
    assert isfinite(first)
    assert first == score(backbone(act=act), 0)
    assert first != score(backbone(act=act), 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_deeper_network_has_more_of_it(name: str) -> None:
    score = load_forward(name, load_score("log-entropy"), 4)
    assert score(backbone(4), 0) > score(backbone(1), 0)


def test_the_flow_of_one_convolution_is_the_sum_of_its_output() -> None:
    stem = Backbone((ConvStem(out_channels=8),), (0,), (3, 32, 32))
    torch.manual_seed(3)
    network = deploy(stem.build(features_only=False)).double()
    [conv] = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
    flow = torch.nn.functional.conv2d(
        torch.ones((1, 3, 32, 32), dtype=torch.float64),
        conv.weight.abs(),
        stride=conv.stride,
        padding=conv.padding,
    )
    with torch.no_grad():
        assert SynFlow()(stem, 3) == pytest.approx(log(float(flow.sum())))


@pytest.mark.parametrize(
    "made", [(SynFlow, {"side": 0}), (Zen, {"batch": 0}), (ZiCo, {"batches": 0})]
)
def test_a_number_that_is_not_positive_is_refused(made: tuple[type, dict[str, int]]) -> None:
    kind, options = made
    with pytest.raises(SpecError, match="must be at least 1, got 0"):
        kind(**options)
