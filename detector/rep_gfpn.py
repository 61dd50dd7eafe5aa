"""Efficient RepGFPN: the neck that fuses three features twice, top-down and bottom-up."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from blocks.errors import SpecError, one_of, positive
from blocks.mob import make_divisible
from blocks.op import Act, Op, Shape, concat, conv, upsample
from blocks.residual import inverted_unit

Fusion = Literal["conv", "csp", "csp_rep", "csp_rep_elan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepGFPN:
    """A neck of merge nodes; levels are P3, P4, P5 at strides 8, 16, 32.

    Attributes:
        out_channels: width of each output level.
        depth: basic blocks in a merge node.
        hidden_ratio: width between the two 3x3 convolutions of a basic block over the width
            around them. The report's "neck width" is `out_channels` times this.
        hidden_channels: the same width given for each level instead; () to follow the ratio.
        act: activation of every convolution.
        fusion: what a merge node is made of, from a single 3x3 convolution to the CSP with
            re-parameterised convolutions whose every block output is concatenated (ELAN).
        extra_downsampling: the downward connections of queen-fusion, P3 to P4 and P4 to P5.
        extra_upsampling: the upward ones, with one more node at P3.
        depthwise: basic blocks and downsampling of the nano models.

    Source: DAMO-YOLO report (https://arxiv.org/abs/2211.15444), section 2.2 and Tables 3 to 5.
    """

    fusions: ClassVar[tuple[Fusion, ...]] = ("conv", "csp", "csp_rep", "csp_rep_elan")

    out_channels: tuple[int, int, int]
    depth: int = 3
    hidden_ratio: float = 1.0
    hidden_channels: tuple[int, ...] = ()
    act: Act = "relu"
    fusion: Fusion = "csp_rep_elan"
    extra_downsampling: bool = True
    extra_upsampling: bool = False
    depthwise: bool = False

    def __post_init__(self) -> None:
        for channels in self.out_channels:
            positive("neck", out_channels=channels)
        for channels in self.hidden_channels:
            positive("neck", hidden_channels=channels)
        one_of("neck", "fusion", self.fusion, self.fusions)
        if self.depth < 0 or self.hidden_ratio <= 0:
            raise SpecError(
                f"neck: depth must be at least 0 and hidden_ratio positive, "
                f"got {self.depth} and {self.hidden_ratio}."
            )
        if len(self.hidden_channels) not in (0, 3):
            raise SpecError(
                f"neck: hidden_channels must have one width a level, got {self.hidden_channels}."
            )

    def ops(self, features: Sequence[Shape]) -> Iterator[Op]:
        """The deployed operators for features (C3, C4, C5), in order of execution.

        Raises:
            SpecError: unless there are three features, each half the size of the one before.
        """
        c3, c4, c5 = check_pyramid(features)
        b3, b4, b5 = self.out_channels
        down, up = self.extra_downsampling, self.extra_upsampling
        if down:
            x3 = yield from self._merge(c5[0], 2, [c5, (yield from self._down(c4))])
        else:
            x3 = c5
        x4_inputs = [c4, (yield from _up(x3))]
        if down:
            x4_inputs.append((yield from self._down(c3)))
        if down and up:
            x4_inputs.append((yield from _up(c5)))
        x4 = yield from self._merge(c4[0], 1, x4_inputs)
        x5_inputs = [c3, (yield from _up(x4))]
        if up:
            x5_inputs.append((yield from _up(c4)))
        x5 = yield from self._merge(b3, 0, x5_inputs)
        x7_inputs = [x4, (yield from self._down(x5))]
        if up:
            x7_inputs.append((yield from _up(x3)))
        x7 = yield from self._merge(b4, 1, x7_inputs)
        x6_inputs = [x3, (yield from self._down(x7))]
        if down:
            x6_inputs.append((yield from self._down(x4)))
        yield from self._merge(b5, 2, x6_inputs)
        if up:
            inputs = [x5, (yield from _up(x4)), (yield from _up(x7))]
            yield from self._merge(b3, 0, inputs)

    def out_shapes(self, features: Sequence[Shape]) -> tuple[Shape, ...]:
        """(channels, height, width) of each output level."""
        return tuple(
            (channels, height, width)
            for channels, (_, height, width) in zip(
                self.out_channels, check_pyramid(features), strict=True
            )
        )

    def _down(self, shape: Shape) -> Generator[Op, None, Shape]:
        """Halve a map by a strided 3x3 convolution, depthwise and pointwise in the nano models."""
        if not self.depthwise:
            op = conv(shape, shape[0], 3, 2, act=self.act)
            yield op
            return op.out_shape
        spatial = conv(shape, shape[0], 3, 2, groups=shape[0], act=self.act)
        yield spatial
        yield conv(spatial.out_shape, shape[0], act=self.act)
        return spatial.out_shape

    def _merge(
        self, out_channels: int, level: int, inputs: Sequence[Shape]
    ) -> Generator[Op, None, Shape]:
        """A merge node: concat, then convolutions to `out_channels`."""
        joined = concat(*inputs)
        yield joined
        if self.fusion == "conv":
            op = conv(joined.out_shape, out_channels, 3, act=self.act)
            yield op
            return op.out_shape
        around = conv(joined.out_shape, out_channels // 2, act=self.act)
        yield around
        parts = [around.out_shape]
        if self.depth:
            start = conv(joined.out_shape, out_channels - out_channels // 2, act=self.act)
            yield start
            for _ in range(self.depth):
                yield from self._basic_block(start.out_shape, level)
            kept = self.depth if self.fusion == "csp_rep_elan" else 1
            parts += [start.out_shape] * kept
            yield concat(*parts)
        fuse = conv(concat(*parts).out_shape, out_channels, act=self.act)
        yield fuse
        return fuse.out_shape

    def _basic_block(self, shape: Shape, level: int) -> Iterator[Op]:
        """Two convolutions whose activated output is added to the input."""
        channels = shape[0]
        if self.depthwise:
            expanded = make_divisible(3 * channels, 8)
            unit = inverted_unit(expanded, channels, 5, 1, self.act, True, act_after="none")
            yield from unit.ops(shape)
            return
        hidden = self.hidden_channels[level] if self.hidden_channels else None
        if hidden is None:
            hidden = int(channels * self.hidden_ratio)
            positive("neck", hidden_channels=hidden)
        first = conv(shape, hidden, 3, act=self.act, norm=self.fusion == "csp")
        yield first
        second = conv(first.out_shape, channels, 3, act=self.act)
        yield second
        yield Op("add", shape, shape)


def _up(shape: Shape) -> Generator[Op, None, Shape]:
    op = upsample(shape)
    yield op
    return op.out_shape


def check_pyramid(features: Sequence[Shape]) -> Sequence[Shape]:
    """The features, if a neck can take them.

    Raises:
        SpecError: unless there are three, each half the size of the one before.
    """
    sizes = [shape[1:] for shape in features]
    halved = all(
        (fine[0], fine[1]) == (2 * coarse[0], 2 * coarse[1])
        for fine, coarse in zip(sizes, sizes[1:], strict=False)
    )
    if len(sizes) != 3 or not halved:
        shown = ", ".join(f"{height}x{width}" for height, width in sizes)
        raise SpecError(
            "neck: needs three features at strides 8, 16 and 32, each map half the size of the "
            f"one before, got {len(sizes)} ({shown}); choose `features` and an input size that is "
            "a multiple of 32."
        )
    return features
