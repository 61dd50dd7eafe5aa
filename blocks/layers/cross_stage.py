"""The cross-stage partial module."""

import torch
from torch import Tensor, nn

from maenas.blocks.csp import CSP
from maenas.blocks.layers.conv_bn_act import ConvBNAct
from maenas.blocks.layers.residual_unit import ResidualUnit
from maenas.blocks.spp import SPP


class CrossStage(nn.Module):
    """Downsample, split by two 1x1 convolutions, units on one half, concat, fuse."""

    def __init__(self, spec: CSP, in_channels: int) -> None:
        super().__init__()
        channels, half, act = spec.out_channels, spec.hidden_channels, spec.wrapper_act
        self.down = ConvBNAct(in_channels, channels, 3, spec.stride, act=act)
        self.spp: nn.Module = SPP().build(channels) if spec.spp else nn.Identity()
        self.side = ConvBNAct(channels, half, act=act)
        self.start = ConvBNAct(channels, half, act=act)
        self.units = nn.Sequential(*(ResidualUnit(spec.unit(), half) for _ in range(spec.depth)))
        self.fuse = ConvBNAct(channels, channels, act=act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H', W')."""
        x = self.spp(self.down(x))
        side = self.side(x)
        out: Tensor = self.fuse(torch.cat((self.units(self.start(x)), side), dim=1))
        return out
