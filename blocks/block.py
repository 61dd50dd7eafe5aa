"""What every block is: fields, a list of operators, a module."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from maenas.blocks.op import Op, Shape

if TYPE_CHECKING:
    from torch import nn


class Block(ABC):
    """One stage of a backbone; leaves are frozen dataclasses.

    `in_channels` is never a field: the stage before knows it, so changing one stage cannot break
    its neighbour.
    """

    __slots__ = ()

    kind: ClassVar[str]
    stride: int

    @abstractmethod
    def ops(self, in_shape: Shape) -> Iterator[Op]:
        """Every deployed operator in order of execution, for an input (channels, height, width).

        Raises:
            SpecError: if the stage cannot take this many channels.
        """

    @property
    @abstractmethod
    def layers(self) -> int:
        """Depth as its family publishes it; the convolutions on the main path, mostly."""

    @abstractmethod
    def build(self, in_channels: int) -> nn.Module:
        """The trainable module, (B, in_channels, H, W) -> (B, out_channels, H', W')."""
