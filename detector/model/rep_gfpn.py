"""Efficient RepGFPN: a neck that fuses three feature maps top-down and bottom-up."""

from __future__ import annotations

import itertools
import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from maenas.blocks.errors import SpecError, at_most, one_of, positive
from maenas.blocks.mob import make_divisible
from maenas.blocks.op import Act, Op, Shape, concat, conv, upsample
from maenas.blocks.residual import Unit, inverted_unit
from maenas.detector.input_size import STRIDE, size_error

if TYPE_CHECKING:
    from maenas.detector.model.layers.fusion_neck import FusionNeck

Fusion = Literal["conv", "csp", "csp_rep", "csp_rep_elan"]
Move = Literal["keep", "down", "up"]
Edge = tuple[str, Move]  # name of a feature map or node, and how its map is resized


@dataclass(frozen=True, slots=True)
class MergeSpec:
    """A merge node: its level, its width, and the maps that it merges after resizing."""

    name: str
    level: int
    out_channels: int
    inputs: tuple[Edge, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepGFPN:
    """A neck of merge nodes; levels are P3, P4, P5 at strides 8, 16, 32.

    Attributes:
        out_channels: width of each output level.
        depth: number of basic blocks in a merge node.
        hidden_ratio: width between the two 3x3 convolutions of a basic block over the width
            around them. The report's "neck width" is `out_channels` times this.
        hidden_channels: width between these convolutions on each level; () to use `hidden_ratio`.
        act: activation of every convolution.
        fusion: structure of a merge node, from a single 3x3 convolution to CSP with
            re-parameterised convolutions and concatenation of all block outputs (ELAN).
        extra_downsampling: whether queen-fusion has downward connections, P3 to P4 and P4 to P5.
        extra_upsampling: whether queen-fusion has upward connections, with one more node at P3.
        depthwise: whether basic blocks and downsampling are depthwise, as in the nano models.

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
        at_most("neck", "depth", self.depth)
        if len(self.hidden_channels) not in (0, 3):
            raise SpecError(
                f"neck: hidden_channels must have one width per level, got {self.hidden_channels}."
            )

    def nodes(self, in_channels: Sequence[int]) -> tuple[MergeSpec, ...]:
        """The merge nodes in order of execution, for feature maps (C3, C4, C5) of these widths.

        Names of top-down nodes end in "td". The inputs are in the order in which DAMO-YOLO
        concatenates them.

        Raises:
            SpecError: if a node or the inside of its blocks would have no channel.
        """
        down, up = self.extra_downsampling, self.extra_upsampling
        _, c4, c5 = in_channels
        b3, b4, b5 = self.out_channels
        top = "p5_td" if down else "c5"
        nodes = []
        if down:
            nodes.append(MergeSpec("p5_td", 2, c5, (("c5", "keep"), ("c4", "down"))))
        p4_td: list[Edge] = [("c4", "keep")]
        p4_td += [("c3", "down")] if down else []
        p4_td += [(top, "up")]
        p4_td += [("c5", "up")] if down and up else []
        nodes.append(MergeSpec("p4_td", 1, c4, tuple(p4_td)))
        p3: list[Edge] = [("c3", "keep"), ("p4_td", "up")]
        p3 += [("c4", "up")] if up else []
        nodes.append(MergeSpec("p3", 0, b3, tuple(p3)))
        p4: list[Edge] = [("p4_td", "keep"), ("p3", "down")]
        p4 += [(top, "up")] if up else []
        nodes.append(MergeSpec("p4", 1, b4, tuple(p4)))
        p5: list[Edge] = [(top, "keep")]
        p5 += [("p4_td", "down")] if down else []
        p5 += [("p4", "down")]
        nodes.append(MergeSpec("p5", 2, b5, tuple(p5)))
        if up:
            p3_again: tuple[Edge, ...] = (("p3", "keep"), ("p4_td", "up"), ("p4", "up"))
            nodes.append(MergeSpec("p3_up", 0, b3, p3_again))
        for node in nodes:
            self._check_widths(node)
        return tuple(nodes)

    def _check_widths(self, node: MergeSpec) -> None:
        """Raise `SpecError` if a part of a merge node would have no channel."""
        if self.fusion == "conv":
            return
        if node.out_channels < 2:
            raise SpecError(
                f"neck: {node.name} is split into two halves by fusion {self.fusion!r}, so it "
                f"needs at least 2 channels, got {node.out_channels}; widen "
                + ("the feature of its level." if node.name.endswith("td") else "out_channels.")
            )
        if self.depth and not self.depthwise:
            self.hidden(node.out_channels - node.out_channels // 2, node.level)

    @property
    def outputs(self) -> tuple[str, str, str]:
        """Names of the nodes whose maps are the inputs of the head, finest first."""
        return ("p3_up" if self.extra_upsampling else "p3", "p4", "p5")

    def ops(self, features: Sequence[Shape]) -> Iterator[Op]:
        """The deployed operators for feature maps (C3, C4, C5), in order of execution.

        Raises:
            SpecError: unless there are three feature maps, each half the size of the previous one.
        """
        maps = dict(zip(("c3", "c4", "c5"), check_pyramid(features), strict=True))
        for node in self.nodes([shape[0] for shape in features]):
            inputs = []
            for source, move in node.inputs:
                shape = maps[source]
                if move == "down":
                    shape = yield from self._down(shape)
                elif move == "up":
                    op = upsample(shape)
                    yield op
                    shape = op.out_shape
                inputs.append(shape)
            maps[node.name] = yield from self._merge(node.out_channels, node.level, inputs)

    def build(self, in_channels: Sequence[int]) -> FusionNeck:
        """The trainable module for feature maps (C3, C4, C5) of these widths."""
        from maenas.detector.model.layers.fusion_neck import FusionNeck

        return FusionNeck(self, in_channels)

    def out_shapes(self, features: Sequence[Shape]) -> tuple[Shape, ...]:
        """(channels, height, width) of each output level."""
        return tuple(
            (channels, height, width)
            for channels, (_, height, width) in zip(
                self.out_channels, check_pyramid(features), strict=True
            )
        )

    def hidden(self, channels: int, level: int) -> int:
        """Width between the two convolutions of a basic block with `channels` channels."""
        if self.hidden_channels:
            return self.hidden_channels[level]
        hidden = int(min(channels * self.hidden_ratio, 1e12))
        positive("neck", hidden_channels=hidden)
        return hidden

    def depthwise_unit(self, channels: int) -> Unit:
        """The basic block of the nano models: a Mob unit with an expansion ratio of 3."""
        expanded = make_divisible(3 * channels, 8)
        return inverted_unit(expanded, channels, 5, 1, self.act, True, act_after="none")

    def _down(self, shape: Shape) -> Generator[Op, None, Shape]:
        """Downsample by a strided 3x3 convolution; depthwise, then pointwise in the nano models."""
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
            yield from self.depthwise_unit(channels).ops(shape)
            return
        hidden = self.hidden(channels, level)
        first = conv(shape, hidden, 3, act=self.act, norm=self.fusion == "csp")
        yield first
        second = conv(first.out_shape, channels, 3, act=self.act)
        yield second
        yield Op("add", shape, shape)


def check_pyramid(features: Sequence[Shape]) -> Sequence[Shape]:
    """The shapes of the feature maps, checked to fit a neck.

    Raises:
        SpecError: unless there are three, each half the size of the previous one. Where halves are
            rounded up, the input size is at fault.
    """
    sizes = [(shape[1], shape[2]) for shape in features]
    halved = all(
        (fine[0], fine[1]) == (2 * coarse[0], 2 * coarse[1])
        for fine, coarse in itertools.pairwise(sizes)
    )
    if len(sizes) != 3 or not halved:
        shown = ", ".join(f"{height}x{width}" for height, width in sizes)
        rounded = all(
            coarse == (math.ceil(fine[0] / 2), math.ceil(fine[1] / 2))
            for fine, coarse in itertools.pairwise(sizes)
        )
        if len(sizes) == 3 and rounded:
            (fine, _, (height, width)) = sizes
            exact = fine[0] == 4 * height, fine[1] == 4 * width
            above = STRIDE * height, STRIDE * width
            raise size_error("neck", STRIDE, above, exact, f"feature maps of {shown}")
        raise SpecError(
            "neck: needs three features at strides 8, 16 and 32, each map half the size of the "
            f"one before, got {len(sizes)} ({shown}); choose `features` at these strides."
        )
    return features
