"""Cross-stage partial stage: half of the channels pass through residual units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from maenas.blocks.block import Block
from maenas.blocks.errors import SpecError, odd, one_of, positive
from maenas.blocks.op import Act, Op, Shape, concat, conv
from maenas.blocks.residual import Unit, two_conv_unit
from maenas.blocks.spp import SPP

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class CSP(Block):
    """Strided 3x3 (and SPP), two 1x1 to half the width, `depth` units on one, concat, 1x1.

    The convolutions outside the units always use ReLU, also if `act` of the units differs, as in
    the training of DAMO-YOLO M and L. Their KXKX stages of L units have `depth` L - 1 here,
    because the strided convolution replaces one unit.
    """

    kind: ClassVar[str] = "csp"
    out_channels: int
    bottleneck_channels: int
    inner: Literal["k1kx", "kxkx"] = "kxkx"
    kernel_size: int = 3
    stride: int = 2
    depth: int = 1
    act: Act = "silu"
    wrapper_act: Act = "relu"
    rep: bool = True
    spp: bool = False

    def __post_init__(self) -> None:
        positive(
            self.kind,
            out_channels=self.out_channels,
            bottleneck_channels=self.bottleneck_channels,
            depth=self.depth,
        )
        odd(self.kind, kernel_size=self.kernel_size)
        one_of(self.kind, "stride", self.stride, (1, 2))
        if self.out_channels % 2:
            raise SpecError(
                f"{self.kind}: out_channels must be even to be halved, got {self.out_channels}."
            )

    @property
    def hidden_channels(self) -> int:
        """Number of channels of each half."""
        return self.out_channels // 2

    def unit(self) -> Unit:
        """The residual unit, `hidden_channels` wide at both ends."""
        return two_conv_unit(
            self.hidden_channels,
            self.bottleneck_channels,
            self.hidden_channels,
            kernel_sizes=(1 if self.inner == "k1kx" else self.kernel_size, self.kernel_size),
            stride=1,
            act=self.act,
            rep=self.rep,
            has_shortcut=True,
        )

    def ops(self, in_shape: Shape) -> Iterator[Op]:
        act = self.wrapper_act
        down = conv(in_shape, self.out_channels, 3, self.stride, act=act, path="main")
        yield down
        if self.spp:
            yield from SPP().ops(down.out_shape)
        side = conv(down.out_shape, self.hidden_channels, act=act, path="side")
        yield side
        start = conv(down.out_shape, self.hidden_channels, act=act, path="main")
        yield start
        for _ in range(self.depth):
            yield from self.unit().ops(start.out_shape)
        join = concat(start.out_shape, side.out_shape, path="main")
        yield join
        yield conv(join.out_shape, self.out_channels, act=act, path="main")

    @property
    def layers(self) -> int:
        """2 for the strided convolution and the halving 1x1, 2 per unit, 0 for the last 1x1.

        This gives the published 35 layers of M and 45 layers of L.
        """
        return 2 + 2 * self.depth

    def build(self, in_channels: int) -> nn.Module:
        from maenas.blocks.layers.cross_stage import CrossStage

        return CrossStage(self, in_channels)
