"""Spatial pyramid pooling."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from maenas.blocks.layers.conv_bn_act import ConvBNAct


class PyramidPooling(nn.Module):
    """1x1 to `hidden`, parallel max pools of stride 1, concat, 1x1 back to the input width."""

    def __init__(self, channels: int, hidden: int, kernel_sizes: Sequence[int]) -> None:
        super().__init__()
        self.reduce = ConvBNAct(channels, hidden, act="silu")
        self.pools = nn.ModuleList(nn.MaxPool2d(k, stride=1, padding=k // 2) for k in kernel_sizes)
        self.expand = ConvBNAct(hidden * (1 + len(kernel_sizes)), channels, act="silu")

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        x = self.reduce(x)
        out: Tensor = self.expand(torch.cat([x, *(pool(x) for pool in self.pools)], dim=1))
        return out
