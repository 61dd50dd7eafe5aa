"""Squeeze-and-excite: a gate scales each channel, computed from the means of all channels."""

from torch import Tensor, nn

from maenas.blocks.layers.conv_bn_act import ConvBNAct


class SqueezeExcite(nn.Module):
    """Mean over the map, 1x1 to `hidden` (SiLU), 1x1 back (sigmoid), product.

    Source: https://arxiv.org/abs/1709.01507, with BatchNorms as in MAE-NAS.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = ConvBNAct(channels, hidden, act="silu")
        self.expand = ConvBNAct(hidden, channels, act="sigmoid")

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        gate: Tensor = self.expand(self.reduce(self.pool(x)))
        return x * gate
