"""The module of the head, which computes class and distance logits on each level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import log
from typing import Self

import torch
from torch import Tensor, nn

from maenas.blocks.layers.conv_bn_act import ConvBNAct
from maenas.detector.model.raw_level import RawLevel
from maenas.detector.model.zero_head import ZeroHead

PRIOR_PROBABILITY = 0.01  # initial score of each class, as in RetinaNet
PRIOR_BIAS = -log(1 / PRIOR_PROBABILITY - 1)


class BoxHead(nn.Module):
    """One class and one box branch for each level, with a learned scale for the distances.

    A one-to-one head has a second head inside, which is trained to predict each object once.
    Deployment folds the scales into the convolutions and keeps the one-to-one head alone, if any.

    Args:
        head: spec of the head.
        in_channels: widths of the levels, finest first.
    """

    def __init__(self, head: ZeroHead, in_channels: Sequence[int]) -> None:
        super().__init__()
        bins = 4 * (head.reg_max + 1)
        self.scores = nn.ModuleList(branch(head, width, head.num_classes) for width in in_channels)
        self.distances = nn.ModuleList(branch(head, width, bins) for width in in_channels)
        self.scales = nn.ParameterList(nn.Parameter(torch.ones(())) for _ in in_channels)
        self.is_scaled = True
        self.one_to_one: BoxHead | None = None
        if head.one_to_one:
            self.one_to_one = BoxHead(replace(head, one_to_one=False), in_channels)
        for branches, bias in ((self.scores, PRIOR_BIAS), (self.distances, 0.0)):
            for module in branches:
                weight, offset = projection(module)
                nn.init.normal_(weight, std=0.01)
                nn.init.constant_(offset, bias)

    def forward(self, levels: Sequence[Tensor]) -> list[RawLevel]:
        """Levels (B, C, H, W) -> logits of each level, from the branch that detects."""
        return self.one_to_many(levels) if self.one_to_one is None else self.one_to_one(levels)

    def one_to_many(self, levels: Sequence[Tensor]) -> list[RawLevel]:
        """Logits of each level from the branch that learns many anchor points for an object."""
        return [
            RawLevel(score(x), distance(x) * scale if self.is_scaled else distance(x))
            for x, score, distance, scale in zip(
                levels, self.scores, self.distances, self.scales, strict=True
            )
        ]

    def classifier(self) -> list[tuple[Tensor, Tensor]]:
        """Weight and bias of the last convolution of each class branch."""
        own = [projection(branch) for branch in self.scores]
        return own if self.one_to_one is None else [*own, *self.one_to_one.classifier()]

    def scores_are_initial(self) -> bool:
        """Whether no class was learned: all biases of the classifier are the initial ones."""
        biases = (bias for _, bias in self.classifier())
        return all(bool((bias == bias.new_tensor(PRIOR_BIAS)).all()) for bias in biases)

    @torch.no_grad()
    def deploy_(self) -> Self:
        """Keep the branch that detects, and fold its scales into the convolutions, in place."""
        if self.one_to_one is not None:
            single, self.one_to_one = self.one_to_one, None
            self.scores, self.distances = single.scores, single.distances
            self.scales, self.is_scaled = single.scales, single.is_scaled
        for module, scale in zip(self.distances, self.scales, strict=True):
            for parameter in projection(module):
                parameter.mul_(scale)
            scale.fill_(1)
        self.is_scaled = False
        return self


def projection(branch: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias of the last convolution of a branch."""
    last = list(branch.children())[-1]
    assert isinstance(last, nn.Conv2d)
    assert last.bias is not None
    return last.weight, last.bias


def branch(head: ZeroHead, in_channels: int, out_channels: int) -> nn.Sequential:
    """One branch: the tower, if any, and the last convolution."""
    modules: list[nn.Module] = []
    for index in range(head.stacked_convs):
        kernel_size = 3 if index else 1
        width = head.tower_channels or in_channels
        modules.append(ConvBNAct(in_channels, width, kernel_size, act=head.act))
        in_channels = width
    kernel_size = head.kernel_size
    modules.append(nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2))
    return nn.Sequential(*modules)
