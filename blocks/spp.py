"""Spatial pyramid pooling: several parallel max pools of one feature map."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from maenas.blocks.block import Block
from maenas.blocks.errors import SpecError
from maenas.blocks.op import Op, Shape, concat, conv, max_pool

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class SPP(Block):
    """1x1 to half the width, parallel max pools of 5, 9 and 13, concat, 1x1 back; always SiLU.

    It counts for the costs but not for the score, because the MAE-NAS search has no SPP. Source:
    the last stage of the DAMO-YOLO backbones.
    """

    kind: ClassVar[str] = "spp"
    stride: int = field(default=1, init=False)
    pools: ClassVar[tuple[int, ...]] = (5, 9, 13)

    def ops(self, in_shape: Shape) -> Iterator[Op]:
        hidden = half(in_shape[0])
        reduce = conv(in_shape, hidden, act="silu")
        yield reduce
        for kernel_size in self.pools:
            yield max_pool(reduce.out_shape, kernel_size)
        join = concat(*[reduce.out_shape] * (1 + len(self.pools)))
        yield join
        yield conv(join.out_shape, in_shape[0], act="silu")

    @property
    def layers(self) -> int:
        return 0

    def build(self, in_channels: int) -> nn.Module:
        from maenas.blocks.layers.pyramid_pooling import PyramidPooling

        return PyramidPooling(in_channels, half(in_channels), self.pools)


def half(channels: int) -> int:
    """Half the width, which must be even."""
    if channels % 2:
        raise SpecError(f"spp: needs an even number of channels, got {channels}.")
    return channels // 2
