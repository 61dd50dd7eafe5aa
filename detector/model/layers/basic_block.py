"""The basic block of a merge node."""

from torch import Tensor, nn

from maenas.blocks.layers.conv_bn_act import ConvBNAct
from maenas.blocks.layers.rep_conv import RepConv
from maenas.blocks.op import Act


class BasicBlock(nn.Module):
    """Two 3x3 convolutions whose activated output is added to the input.

    The first one is a RepConv if `rep` is True. Source: DAMO-YOLO report, section 2.2.
    """

    def __init__(self, channels: int, hidden: int, act: Act, rep: bool) -> None:
        super().__init__()
        first: nn.Module
        if rep:
            first = RepConv(channels, hidden, 3, act=act)
        else:
            first = ConvBNAct(channels, hidden, 3, act=act)
        self.first = first
        self.second = ConvBNAct(hidden, channels, 3, act=act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        out: Tensor = x + self.second(self.first(x))
        return out
