"""Convolution, BatchNorm, activation."""

from __future__ import annotations

from typing import Self

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from maenas.blocks.layers.activation import activation
from maenas.blocks.layers.depthwise import DepthwiseConv2d
from maenas.blocks.op import Act

BN_EPS = 1e-3  # DAMO-YOLO sets both values in the whole detector
BN_MOMENTUM = 0.03


class ConvBNAct(nn.Module):
    """k x k convolution padded by `kernel_size // 2`, BatchNorm, activation."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 1,
        stride: int = 1,
        groups: int = 1,
        act: Act = "none",
    ) -> None:
        super().__init__()
        kind = DepthwiseConv2d if 1 < groups == in_channels == out_channels else nn.Conv2d
        self.conv = kind(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            kernel_size // 2,
            groups=groups,
            bias=False,
        )
        self.bn: nn.Module = nn.BatchNorm2d(out_channels, eps=BN_EPS, momentum=BN_MOMENTUM)
        self.act = activation(act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H', W')."""
        out: Tensor = self.act(self.bn(self.conv(x)))
        return out

    def deploy_(self) -> Self:
        """Fold the BatchNorm into the convolution, in place; the module must be in eval mode."""
        if isinstance(self.bn, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(self.conv, self.bn)
            self.bn = nn.Identity()
        return self
