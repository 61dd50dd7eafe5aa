"""ZeroHead: one convolution for class scores and one for box distances on each level."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from maenas.blocks.errors import SpecError, at_most, odd, positive
from maenas.blocks.op import Act, Op, Shape, concat, conv, elements

if TYPE_CHECKING:
    from maenas.detector.model.layers.box_head import BoxHead

HeadKind = Literal["zero", "one-to-one"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroHead:
    """A head of task projections only, which are not shared between levels.

    Attributes:
        num_classes: number of class scores for each anchor point.
        reg_max: largest distance in strides; each side is a distribution over `reg_max + 1` bins.
        kernel_size: kernel size of the last convolutions; 1 in the nano models.
        stacked_convs: number of convolutions before the last one in each of two towers, 0 for a
            ZeroHead; the first is 1x1, the others are 3x3.
        tower_channels: width of the towers; None for the width of their level.
        act: activation of the towers.
        one_to_one: whether a second branch of the same size is trained to predict each object at
            one anchor point, so that detections need no NMS. The deployed head has this branch
            alone, and costs as much as without it.

    Source: DAMO-YOLO report, section 2.3 and Table 6.
    """

    num_classes: int = 80
    reg_max: int = 16
    kernel_size: int = 3
    stacked_convs: int = 0
    tower_channels: int | None = None
    act: Act = "relu"
    one_to_one: bool = False

    @property
    def kind(self) -> HeadKind:
        """Name of the head on the command line."""
        return "one-to-one" if self.one_to_one else "zero"

    def __post_init__(self) -> None:
        positive("head", num_classes=self.num_classes, reg_max=self.reg_max)
        if self.tower_channels is not None:
            positive("head", tower_channels=self.tower_channels)
        odd("head", kernel_size=self.kernel_size)
        if self.stacked_convs < 0:
            raise SpecError(f"head: stacked_convs must be at least 0, got {self.stacked_convs}.")
        at_most("head", "stacked_convs", self.stacked_convs)

    def ops(self, levels: Sequence[Shape]) -> Iterator[Op]:
        """The deployed operators for the outputs of the neck, with decoding and without NMS."""
        for shape in levels:
            yield from self._branch(shape, self.num_classes, act="sigmoid")
            distances = yield from self._branch(shape, 4 * (self.reg_max + 1), act="none")
            yield Op("decode", distances, (4, *shape[1:]))
        positions = sum(elements(shape) // shape[0] for shape in levels)
        yield concat((self.num_classes, positions, 1))
        yield concat((4, positions, 1))

    def build(self, in_channels: Sequence[int]) -> BoxHead:
        """The trainable module for levels of these widths."""
        from maenas.detector.model.layers.box_head import BoxHead

        return BoxHead(self, in_channels)

    def _branch(self, shape: Shape, out_channels: int, act: Act) -> Generator[Op, None, Shape]:
        """The tower, if any, and the last convolution, which has a bias and no BatchNorm."""
        for index in range(self.stacked_convs):
            width = self.tower_channels or shape[0]
            op = conv(shape, width, 3 if index else 1, act=self.act)
            yield op
            shape = op.out_shape
        last = conv(shape, out_channels, self.kernel_size, act=act, norm=False)
        yield last
        return last.out_shape
