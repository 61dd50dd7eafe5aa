"""Residual stage of k x k then k x k convolutions (KXKX)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from maenas.blocks.errors import positive
from maenas.blocks.op import Act
from maenas.blocks.residual import ResidualStage, Unit, two_conv_unit


@dataclass(frozen=True, slots=True, kw_only=True)
class ResKXKX(ResidualStage):
    """Units of a k x k convolution to the bottleneck and a k x k one back, added to their input.

    DAMO-YOLO trains the second convolution as a RepConv (`rep`) and uses no shortcut in strided
    units. MAE-NAS searches the plain form with a pooled, projected one (`strided_shortcut`).
    """

    kind: ClassVar[str] = "res_kxkx"
    out_channels: int
    bottleneck_channels: int
    kernel_size: int = 3
    stride: int = 1
    depth: int = 1
    act: Act = "relu"
    rep: bool = False
    strided_shortcut: bool = False
    spp: bool = False

    def __post_init__(self) -> None:
        self.check()
        positive(self.kind, bottleneck_channels=self.bottleneck_channels)

    def unit(self, in_channels: int, stride: int, first: bool = False) -> Unit:
        return two_conv_unit(
            in_channels,
            self.bottleneck_channels,
            self.out_channels,
            kernel_sizes=(self.kernel_size, self.kernel_size),
            stride=stride,
            act=self.act,
            rep=self.rep,
            has_shortcut=stride == 1 or self.strided_shortcut,
        )
