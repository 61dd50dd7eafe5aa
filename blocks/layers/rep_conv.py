"""RepConv: a 3x3 and a 1x1 branch in training, one convolution when deployed."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from maenas.blocks.layers.activation import activation
from maenas.blocks.layers.conv_bn_act import ConvBNAct
from maenas.blocks.op import Act


class RepConv(nn.Module):
    """Sum of a k x k and a 1x1 branch (convolution and BN, same stride), then an activation.

    There is no identity branch. Source: RepVGG (https://arxiv.org/abs/2101.03697) as DAMO-YOLO
    uses it.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        act: Act = "none",
    ) -> None:
        super().__init__()
        self.dense: ConvBNAct | None = ConvBNAct(in_channels, out_channels, kernel_size, stride)
        self.pointwise: ConvBNAct | None = ConvBNAct(in_channels, out_channels, 1, stride)
        self.merged: nn.Conv2d | None = None
        self.act = activation(act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H', W')."""
        if self.merged is not None:
            summed = self.merged(x)
        else:
            assert self.dense is not None
            assert self.pointwise is not None
            summed = self.dense(x) + self.pointwise(x)
        out: Tensor = self.act(summed)
        return out

    @torch.no_grad()
    def deploy_(self) -> Self:
        """Merge both branches into one convolution, in place; the module must be in eval mode."""
        if self.dense is not None and self.pointwise is not None:
            merged = self.dense.deploy_().conv
            pointwise = self.pointwise.deploy_().conv
            border = merged.kernel_size[0] // 2  # the 1x1 kernel is added at the centre
            merged.weight += pad(pointwise.weight, [border] * 4)
            assert merged.bias is not None
            assert pointwise.bias is not None
            merged.bias += pointwise.bias
            self.dense = self.pointwise = None
            self.merged = merged
        return self
