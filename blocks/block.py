"""The interface of blocks: fields, a list of operators and a module."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from maenas.blocks.op import Op, Shape

if TYPE_CHECKING:
    from torch import nn


class Block(ABC):
    """One stage of a backbone; concrete classes are frozen dataclasses.

    `in_channels` is never a field, because the previous stage defines it. A change of one stage
    therefore cannot contradict the next stage.

    Attributes:
        kind: name of the block in spec files.
        draws_by_width: whether a backbone with such a stage starts from the initial weights of
            `draw_by_width` instead of PyTorch's.
        stride: stride of the stage.
    """

    __slots__ = ()

    kind: ClassVar[str]
    draws_by_width: ClassVar[bool] = False
    stride: int

    @abstractmethod
    def ops(self, in_shape: Shape) -> Iterator[Op]:
        """Every deployed operator in order of execution, for an input (channels, height, width).

        Raises:
            SpecError: if the stage cannot accept this number of channels.
        """

    @property
    @abstractmethod
    def layers(self) -> int:
        """Depth as the block's family counts it, usually the convolutions on the main path."""

    @abstractmethod
    def build(self, in_channels: int) -> nn.Module:
        """The trainable module, (B, in_channels, H, W) -> (B, out_channels, H', W')."""
