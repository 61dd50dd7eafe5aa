"""The module of the neck."""

from collections.abc import Sequence

from torch import Tensor, nn

from maenas.blocks.layers.conv_bn_act import ConvBNAct
from maenas.blocks.layers.initial_weights import draw_by_fan_out
from maenas.detector.model.layers.merge_node import ConvNode, MergeNode
from maenas.detector.model.rep_gfpn import RepGFPN


class FusionNeck(nn.Module):
    """Runs the nodes of a `RepGFPN` in order; each resizes its inputs to its level and merges them.

    Args:
        neck: spec of the neck.
        in_channels: widths of the feature maps (C3, C4, C5).
    """

    def __init__(self, neck: RepGFPN, in_channels: Sequence[int]) -> None:
        super().__init__()
        self.nodes = neck.nodes(in_channels)
        self.outputs = neck.outputs
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        widths = dict(zip(("c3", "c4", "c5"), in_channels, strict=True))
        modules: dict[str, nn.Module] = {}
        for node in self.nodes:
            for source, move in node.inputs:
                if move == "down":
                    modules[f"{source}_to_{node.name}"] = downsample(neck, widths[source])
            merged = sum(widths[source] for source, _ in node.inputs)
            kind = ConvNode if neck.fusion == "conv" else MergeNode
            modules[node.name] = kind(neck, node, merged)
            widths[node.name] = node.out_channels
        self.widths = widths
        self.parts = nn.ModuleDict(modules)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Feature maps (C3, C4, C5), each (B, C, H, W) -> levels (P3, P4, P5)."""
        maps = dict(zip(("c3", "c4", "c5"), features, strict=True))
        for node in self.nodes:
            inputs = []
            for source, move in node.inputs:
                x = maps[source]
                if move == "down":
                    x = self.parts[f"{source}_to_{node.name}"](x)
                elif move == "up":
                    x = self.upsample(x)
                inputs.append(x)
            maps[node.name] = self.parts[node.name](inputs)
        return [maps[name] for name in self.outputs]


def downsample(neck: RepGFPN, channels: int) -> nn.Module:
    """A strided 3x3 convolution; in the nano models a depthwise one and a 1x1 convolution."""
    if not neck.depthwise:
        return ConvBNAct(channels, channels, 3, 2, act=neck.act)
    pair = nn.Sequential(
        ConvBNAct(channels, channels, 3, 2, groups=channels, act=neck.act),
        ConvBNAct(channels, channels, act=neck.act),
    )
    draw_by_fan_out(pair)
    return pair
