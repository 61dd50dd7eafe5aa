"""The maximum-entropy score by Monte Carlo: forward passes of modules with random weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log

import torch
from torch import Tensor, nn

from maenas.blocks import Backbone, Op
from maenas.blocks.layers.conv_bn_act import ConvBNAct
from maenas.blocks.layers.deploy import deploy
from maenas.blocks.layers.pyramid_pooling import PyramidPooling
from maenas.blocks.layers.residual_unit import ResidualUnit
from maenas.blocks.layers.squeeze_excite import SqueezeExcite
from maenas.nas.scores.max_entropy import DEFAULT_WEIGHTS, weighted
from maenas.nas.scores.one_thread import one_thread
from maenas.nas.scores.score import check_weights, ends_level
from maenas.nas.scores.spread import MonteCarloScore


def max_entropy_forward(
    backbone: Backbone,
    weights: Sequence[float] = DEFAULT_WEIGHTS,
    seeds: Sequence[int] = range(4),
    batch: int = 1,
) -> MonteCarloScore:
    """The score measured on random networks, as MAE-DET defines it.

    The convolutions of the deployed module get N(0, 1) weights and the input gets N(0, 1) pixels.
    BatchNorm, activations, shortcuts, SPP and gates are removed. Each feature map is divided by its
    standard deviation, and the logarithms of these are summed, so that nothing overflows.

    Args:
        backbone: candidate to score, run at its `in_shape`.
        weights: weights of the resolution levels.
        seeds: random seeds, one for each network. The spread comes from the weights, so more
            seeds reduce the error and a larger batch does not.
        batch: batch size of each forward pass.
    Raises:
        SpecError: unless there is one weight per level.

    Source: MAE-DET, https://arxiv.org/abs/2111.13336, section 3.
    """
    return MonteCarloScore.of([drawn_score(backbone, weights, seed, batch) for seed in seeds])


@torch.inference_mode()
def drawn_score(backbone: Backbone, weights: Sequence[float], seed: int, batch: int = 1) -> float:
    """The score of one random network, computed by one thread; see `max_entropy_forward`.

    Raises:
        SpecError: unless there is one weight per level.
    """
    check_weights(weights, 1 + max(backbone.levels))
    with one_thread():
        return _score(backbone, weights, seed, batch)


def _score(backbone: Backbone, weights: Sequence[float], seed: int, batch: int) -> float:
    generator = torch.Generator().manual_seed(seed)
    network = deploy(backbone.build(features_only=False))
    gains: list[float] = []
    convs = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    ops = [op for op in backbone.ops() if op.kind == "conv"]
    for module, op in zip(convs, ops, strict=True):
        module.weight.copy_(torch.randn(module.weight.shape, generator=generator))
        if module.bias is not None:
            module.bias.zero_()
        module.register_forward_hook(_rescale(op, gains))
    _keep_main_path(network)
    x = torch.randn((batch, *backbone.in_shape), generator=generator)
    totals: list[float] = []
    assert isinstance(network.stages, nn.ModuleList)
    for stage in network.stages:
        x = stage(x)
        totals.append(sum(gains) + log(x.shape[1]))
    return weighted(tuple(_last_of_each(totals, backbone.levels)), weights)


def _rescale(op: Op, gains: list[float]):  # type: ignore[no-untyped-def]
    """A hook that divides a convolution's output by its standard deviation and records the log."""

    def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        deviation = output.std()
        if op.path == "main":
            gains.append(log(deviation.item()))
        return output / deviation

    return hook


def _keep_main_path(network: nn.Module) -> None:
    """Remove everything except the convolutions of the main path and of side branches."""
    for module in network.modules():
        if isinstance(module, ResidualUnit):
            module.shortcut = None
        if isinstance(module, ResidualUnit | ConvBNAct) or hasattr(module, "merged"):
            module.act = nn.Identity()
        for name, child in list(module.named_children()):
            if isinstance(child, PyramidPooling | SqueezeExcite):
                setattr(module, name, nn.Identity())


def _last_of_each(totals: Sequence[float], levels: Sequence[int]) -> Iterator[float]:
    """The value at the last stage of each level."""
    for index, total in enumerate(totals):
        if ends_level(levels, index):
            yield total
