"""A residual unit built from its description."""

from torch import Tensor, nn

from maenas.blocks.layers.activation import activation
from maenas.blocks.layers.conv_bn_act import ConvBNAct
from maenas.blocks.layers.rep_conv import RepConv
from maenas.blocks.layers.squeeze_excite import SqueezeExcite
from maenas.blocks.residual import ConvLayer, Unit


class ResidualUnit(nn.Module):
    """A chain of convolutions plus its shortcut, then the activation after the add.

    `shortcut` is None for a unit without a shortcut.
    """

    def __init__(self, unit: Unit, in_channels: int) -> None:
        super().__init__()
        self.shortcut = shortcut(unit, in_channels)
        chain: list[nn.Module] = []
        for layer in unit.layers:
            chain.append(convolution(layer, in_channels))
            in_channels = layer.out_channels
            if layer.squeeze:
                chain.append(SqueezeExcite(in_channels, layer.squeeze))
        self.chain = nn.Sequential(*chain)
        self.act = activation(unit.act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H', W')."""
        if self.shortcut is None:
            out: Tensor = self.act(self.chain(x))
        else:
            skip = self.shortcut(x)
            out = self.act(self.chain(x) + skip)
        return out


def shortcut(unit: Unit, in_channels: int) -> nn.Module | None:
    """The shortcut of a unit: a pool if the chain is strided, a projection if widths differ."""
    if unit.shortcut == "none":
        return None
    modules: list[nn.Module] = []
    if unit.stride == 2:
        modules.append(nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False))
    if unit.shortcut == "project":
        modules.append(ConvBNAct(in_channels, unit.layers[-1].out_channels))
    return nn.Sequential(*modules)


def convolution(layer: ConvLayer, in_channels: int) -> nn.Module:
    """The convolution of one layer, with branches if it trains as a RepConv."""
    if layer.rep:
        return RepConv(
            in_channels, layer.out_channels, layer.kernel_size, layer.stride, act=layer.act
        )
    return ConvBNAct(
        in_channels,
        layer.out_channels,
        layer.kernel_size,
        layer.stride,
        groups=in_channels if layer.depthwise else 1,
        act=layer.act,
    )
