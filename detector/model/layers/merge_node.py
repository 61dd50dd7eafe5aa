"""The merge nodes of the neck."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from maenas.blocks.layers.conv_bn_act import ConvBNAct
from maenas.blocks.layers.residual_unit import ResidualUnit
from maenas.detector.model.layers.basic_block import BasicBlock
from maenas.detector.model.rep_gfpn import MergeSpec, RepGFPN


class MergeNode(nn.Module):
    """Concat, two 1x1 convolutions to half the width, blocks on one half, concat, 1x1.

    With ELAN the outputs of all blocks are concatenated, otherwise only the last one. The input of
    the first block is not concatenated.
    """

    def __init__(self, neck: RepGFPN, node: MergeSpec, in_channels: int) -> None:
        super().__init__()
        out_channels, act = node.out_channels, neck.act
        kept = out_channels // 2
        run = out_channels - kept
        self.keeps_every_output = neck.fusion == "csp_rep_elan"
        self.around = ConvBNAct(in_channels, kept, act=act)
        self.start: nn.Module | None = ConvBNAct(in_channels, run, act=act) if neck.depth else None
        self.blocks = nn.ModuleList(block(neck, node, run) for _ in range(neck.depth))
        parts = neck.depth if self.keeps_every_output else min(neck.depth, 1)
        self.fuse = ConvBNAct(kept + parts * run, out_channels, act=act)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Maps (B, C_i, H, W) -> (B, out_channels, H, W)."""
        x = torch.cat(list(inputs), dim=1)
        parts = [self.around(x)]
        if self.start is not None:
            x = self.start(x)
            outputs = []
            for block in self.blocks:
                x = block(x)
                outputs.append(x)
            parts += outputs if self.keeps_every_output else outputs[-1:]
            x = torch.cat(parts, dim=1)
        else:
            x = parts[0]
        out: Tensor = self.fuse(x)
        return out


class ConvNode(nn.Module):
    """Concat and a single 3x3 convolution: the simplest merge node in Table 5 of the report."""

    def __init__(self, neck: RepGFPN, node: MergeSpec, in_channels: int) -> None:
        super().__init__()
        self.conv = ConvBNAct(in_channels, node.out_channels, 3, act=neck.act)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Maps (B, C_i, H, W) -> (B, out_channels, H, W)."""
        out: Tensor = self.conv(torch.cat(list(inputs), dim=1))
        return out


def block(neck: RepGFPN, node: MergeSpec, channels: int) -> nn.Module:
    """The basic block of a merge node; depthwise in the nano models."""
    if neck.depthwise:
        return ResidualUnit(neck.depthwise_unit(channels), channels)
    return BasicBlock(
        channels, neck.hidden(channels, node.level), neck.act, rep=neck.fusion != "csp"
    )
