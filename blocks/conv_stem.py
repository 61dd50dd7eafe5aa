"""A convolution with BatchNorm and activation: a stem, or the 1x1 layer before a classifier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from maenas.blocks.block import Block
from maenas.blocks.errors import odd, one_of, positive
from maenas.blocks.op import Act, Op, Shape, conv

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvStem(Block):
    """k x k convolution, BatchNorm, activation (`ConvKXBNRELU` of MAE-NAS)."""

    kind: ClassVar[str] = "conv_stem"
    out_channels: int
    kernel_size: int = 3
    stride: int = 2
    act: Act = "relu"

    def __post_init__(self) -> None:
        positive(self.kind, out_channels=self.out_channels)
        odd(self.kind, kernel_size=self.kernel_size)
        one_of(self.kind, "stride", self.stride, (1, 2))

    def ops(self, in_shape: Shape) -> Iterator[Op]:
        yield conv(
            in_shape, self.out_channels, self.kernel_size, self.stride, act=self.act, path="main"
        )

    @property
    def layers(self) -> int:
        return 1

    def build(self, in_channels: int) -> nn.Module:
        from maenas.blocks.layers.conv_bn_act import ConvBNAct

        return ConvBNAct(
            in_channels, self.out_channels, self.kernel_size, self.stride, act=self.act
        )
