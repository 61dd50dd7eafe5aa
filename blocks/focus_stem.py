"""The Focus stem: the pixels of each 2x2 square become channels, then a convolution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from maenas.blocks.block import Block
from maenas.blocks.errors import SpecError, odd, positive
from maenas.blocks.op import Act, Op, Shape, conv

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class FocusStem(Block):
    """Space-to-depth by two, then a k x k convolution, BatchNorm and activation.

    MAE-NAS searches it as a stem with 12 input channels at half resolution. Here space-to-depth is
    part of the spec, so the search and the training use the same network. Source: DAMO-YOLO T, S,
    M, L.
    """

    kind: ClassVar[str] = "focus_stem"
    out_channels: int
    kernel_size: int = 3
    act: Act = "relu"
    stride: int = field(default=2, init=False)

    def __post_init__(self) -> None:
        positive(self.kind, out_channels=self.out_channels)
        odd(self.kind, kernel_size=self.kernel_size)

    def ops(self, in_shape: Shape) -> Iterator[Op]:
        channels, height, width = in_shape
        if height % 2 or width % 2:
            raise SpecError(f"{self.kind}: height and width must be even, got {height} x {width}.")
        sliced = (4 * channels, height // 2, width // 2)
        yield Op("slice", in_shape, sliced)
        yield conv(sliced, self.out_channels, self.kernel_size, act=self.act, path="main")

    @property
    def layers(self) -> int:
        return 1

    def build(self, in_channels: int) -> nn.Module:
        from torch import nn

        from maenas.blocks.layers.conv_bn_act import ConvBNAct
        from maenas.blocks.layers.space_to_depth import SpaceToDepth

        conv = ConvBNAct(4 * in_channels, self.out_channels, self.kernel_size, act=self.act)
        return nn.Sequential(SpaceToDepth(), conv)
