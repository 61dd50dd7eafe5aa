"""Inverted residual stage of 1x1, depthwise k x k and 1x1 convolutions with a gate (K1DWSEK1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from maenas.blocks.errors import positive
from maenas.blocks.op import Act
from maenas.blocks.residual import ResidualStage, Unit, inverted_unit


@dataclass(frozen=True, slots=True, kw_only=True)
class ResK1DWSEK1(ResidualStage):
    """Depthwise units with squeeze-and-excite and a shortcut if the widths are equal.

    The gate follows the activation of the depthwise convolution. Its hidden width is a quarter of
    the bottleneck width, rounded down to a multiple of 8. Source: the DeepMAD 29M-89M space
    (https://arxiv.org/abs/2303.02165) in MAE-NAS.
    """

    kind: ClassVar[str] = "res_k1dwsek1"
    out_channels: int
    bottleneck_channels: int
    kernel_size: int = 3
    stride: int = 1
    depth: int = 1
    act: Act = "silu"
    spp: bool = False

    def __post_init__(self) -> None:
        self.check()
        positive(self.kind, bottleneck_channels=self.bottleneck_channels)

    def unit(self, in_channels: int, stride: int, first: bool = False) -> Unit:
        return inverted_unit(
            self.bottleneck_channels,
            self.out_channels,
            self.kernel_size,
            stride,
            act=self.act,
            has_shortcut=in_channels == self.out_channels,
            act_after=self.act,
            squeeze=max(1, round(self.bottleneck_channels / 4) // 8) * 8,
        )
