"""Inverted residual stage of the DAMO-YOLO nano models (Mob)."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import ClassVar

from maenas.blocks.errors import SpecError
from maenas.blocks.op import Act
from maenas.blocks.residual import ResidualStage, Unit, inverted_unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Mob(ResidualStage):
    """1x1 expansion, depthwise k x k, linear 1x1; added to the input at equal width and stride 1.

    The expanded width is `expand_ratio` times the output width, rounded to a multiple of 8.
    Source: DAMO-YOLO Ns, Nm, Nl, with ratios 3.5, 4, 4.5, 5, 5.5 for stages 1 to 5.
    """

    kind: ClassVar[str] = "mob"
    draws_by_width: ClassVar[bool] = True
    out_channels: int
    expand_ratio: float
    kernel_size: int = 5
    stride: int = 1
    depth: int = 1
    act: Act = "silu"
    spp: bool = False

    def __post_init__(self) -> None:
        self.check()
        if not 1 <= self.expand_ratio <= 16:
            raise SpecError(
                f"{self.kind}: expand_ratio must be between 1 and 16, got {self.expand_ratio}."
            )

    @property
    def expanded_channels(self) -> int:
        """Width of the depthwise convolution."""
        return make_divisible(ceil(self.out_channels * self.expand_ratio), 8)

    def unit(self, in_channels: int, stride: int, first: bool = False) -> Unit:
        return inverted_unit(
            self.expanded_channels,
            self.out_channels,
            self.kernel_size,
            stride,
            act=self.act,
            has_shortcut=stride == 1 and in_channels == self.out_channels,
            act_after="none",
        )


def make_divisible(channels: int, divisor: int) -> int:
    """Nearest multiple of `divisor`, at least `divisor` and at least 90 % of `channels`.

    Source: rounding of widths in MobileNetV2.
    """
    rounded = max(divisor, (channels + divisor // 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * channels else rounded + divisor
