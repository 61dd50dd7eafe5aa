"""Residual bottleneck stage of 1x1, k x k and 1x1 convolutions (K1KXK1), as in a ResNet-50."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from maenas.blocks.errors import positive
from maenas.blocks.op import Act
from maenas.blocks.residual import ConvLayer, ResidualStage, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class ResK1KXK1(ResidualStage):
    """Bottleneck units; the first unit of a stage always has a projection in its shortcut.

    Source: the S, M and L models of MAE-DET (https://arxiv.org/abs/2111.13336).
    """

    kind: ClassVar[str] = "res_k1kxk1"
    out_channels: int
    bottleneck_channels: int
    kernel_size: int = 3
    stride: int = 1
    depth: int = 1
    act: Act = "relu"
    spp: bool = False

    def __post_init__(self) -> None:
        self.check()
        positive(self.kind, bottleneck_channels=self.bottleneck_channels)

    def unit(self, in_channels: int, stride: int, first: bool = False) -> Unit:
        return Unit(
            layers=(
                ConvLayer(self.bottleneck_channels, act=self.act),
                ConvLayer(self.bottleneck_channels, self.kernel_size, stride, act=self.act),
                ConvLayer(self.out_channels),
            ),
            shortcut="project" if first or in_channels != self.out_channels else "identity",
            act=self.act,
        )
