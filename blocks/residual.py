"""Residual units as data: one description that defines both operators and modules."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from maenas.blocks.block import Block
from maenas.blocks.errors import SpecError, odd, one_of, positive
from maenas.blocks.op import Act, Op, Shape, avg_pool, conv
from maenas.blocks.spp import SPP

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class ConvLayer:
    """One convolution of a unit, with its activation and its squeeze-and-excite.

    With `rep` it trains as a k x k and a 1x1 branch (RepConv). `squeeze` is the hidden width of a
    squeeze-and-excite after the activation, 0 for none.
    """

    out_channels: int
    kernel_size: int = 1
    stride: int = 1
    depthwise: bool = False
    act: Act = "none"
    rep: bool = False
    squeeze: int = 0


@dataclass(frozen=True, slots=True)
class Unit:
    """A chain of convolutions, an optional shortcut around it, an activation after the add.

    A shortcut around a strided chain is 2x2 average-pooled first, as in MAE-NAS.
    """

    layers: tuple[ConvLayer, ...]
    shortcut: Literal["none", "identity", "project"]
    act: Act

    @property
    def stride(self) -> int:
        """Product of the strides of the chain."""
        return max(layer.stride for layer in self.layers)

    def ops(self, in_shape: Shape) -> Iterator[Op]:
        """The deployed operators, the shortcut first; the add is fused in the last convolution."""
        out_channels = self.layers[-1].out_channels
        if self.shortcut != "none":
            skip = in_shape
            if self.stride == 2:
                pool = avg_pool(skip)
                yield pool
                skip = pool.out_shape
            if self.shortcut == "project":
                yield conv(skip, out_channels)
        shape = in_shape
        for layer in self.layers:
            is_last = layer is self.layers[-1]
            op = conv(
                shape,
                layer.out_channels,
                layer.kernel_size,
                layer.stride,
                groups=shape[0] if layer.depthwise else 1,
                act=self.act if is_last else layer.act,
                norm=not layer.rep,
                adds=is_last and self.shortcut != "none",
                path="main",
            )
            yield op
            shape = op.out_shape
            if layer.squeeze:
                yield from squeeze_excite(shape, layer.squeeze)


def squeeze_excite(shape: Shape, hidden: int) -> Iterator[Op]:
    """Channel gate: mean over the map, two 1x1 convolutions, sigmoid, product."""
    channels = shape[0]
    yield Op("global_pool", shape, (channels, 1, 1))
    yield conv((channels, 1, 1), hidden, act="silu")
    yield conv((hidden, 1, 1), channels, act="sigmoid")
    yield Op("mul", shape, shape)


class ResidualStage(Block):
    """`depth` residual units, the first with the stage's stride; optional SPP after the first."""

    __slots__ = ()

    out_channels: int
    kernel_size: int
    stride: int
    depth: int
    spp: bool

    @abstractmethod
    def unit(self, in_channels: int, stride: int, first: bool = False) -> Unit:
        """A unit with `in_channels` input channels; `first` marks the first unit of the stage."""

    def check(self) -> None:
        """Raise `SpecError` for fields that are invalid in every residual stage."""
        positive(self.kind, out_channels=self.out_channels, depth=self.depth)
        odd(self.kind, kernel_size=self.kernel_size)
        one_of(self.kind, "stride", self.stride, (1, 2))
        if self.spp and self.out_channels % 2:
            raise SpecError(
                f"{self.kind}: out_channels must be even for an SPP, got {self.out_channels}."
            )

    def parts(self, in_channels: int) -> Iterator[Unit | SPP]:
        """Units and SPP in order of execution."""
        for index in range(self.depth):
            yield self.unit(in_channels, self.stride if index == 0 else 1, first=index == 0)
            if self.spp and index == 0:
                yield SPP()
            in_channels = self.out_channels

    def ops(self, in_shape: Shape) -> Iterator[Op]:
        shape = in_shape
        for part in self.parts(in_shape[0]):
            for op in part.ops(shape):
                yield op
            shape = op.out_shape

    @property
    def layers(self) -> int:
        return self.depth * len(self.unit(self.out_channels, 1).layers)

    def build(self, in_channels: int) -> nn.Module:
        from torch import nn

        from maenas.blocks.layers.residual_unit import ResidualUnit

        modules: list[nn.Module] = []
        for part in self.parts(in_channels):
            if isinstance(part, SPP):
                modules.append(part.build(in_channels))
            else:
                modules.append(ResidualUnit(part, in_channels))
            in_channels = self.out_channels
        return nn.Sequential(*modules)


def two_conv_unit(
    in_channels: int,
    bottleneck_channels: int,
    out_channels: int,
    kernel_sizes: tuple[int, int],
    stride: int,
    act: Act,
    rep: bool,
    has_shortcut: bool,
) -> Unit:
    """A unit of two convolutions, the second with the stride: K1KX and KXKX."""
    projects = in_channels != out_channels
    return Unit(
        layers=(
            ConvLayer(bottleneck_channels, kernel_sizes[0], act=act),
            ConvLayer(out_channels, kernel_sizes[1], stride, rep=rep),
        ),
        shortcut="none" if not has_shortcut else "project" if projects else "identity",
        act=act,
    )


def inverted_unit(
    expanded_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int,
    act: Act,
    has_shortcut: bool,
    act_after: Act,
    squeeze: int = 0,
) -> Unit:
    """A unit of 1x1 expansion, depthwise k x k and 1x1 projection: K1DWK1, K1DWSEK1 and Mob."""
    return Unit(
        layers=(
            ConvLayer(expanded_channels, act=act),
            ConvLayer(
                expanded_channels, kernel_size, stride, depthwise=True, act=act, squeeze=squeeze
            ),
            ConvLayer(out_channels),
        ),
        shortcut="identity" if has_shortcut else "none",
        act=act_after,
    )
