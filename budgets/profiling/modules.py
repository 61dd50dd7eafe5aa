"""Small networks of the modules of popular detectors, which the networks of a profile lack.

A runtime fuses, reorders and shares memory between neighbours, and finds less in its caches inside
of a network, so a split, a transpose or the attention of a detector cost something else when they
are measured alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import onnx

from maenas.budgets.profiling.attention_modules import (
    area_attention,
    encoder_layer,
    position_attention,
)
from maenas.budgets.profiling.block_modules import (
    crop_block,
    learnt_upsampling,
    normalised_block,
    pools,
    pyramid_pooling,
    residual_block,
    shuffled_block,
    split_block,
    squeeze_block,
)
from maenas.budgets.profiling.head_modules import (
    anchor_head,
    distance_head,
    feature_pyramid,
    sampled_map,
    selection,
)
from maenas.budgets.profiling.module_writer import ModuleWriter

Block = Callable[[ModuleWriter, str], str]
Head = Callable[[ModuleWriter, Sequence[str]], str]
# Sides of the image and output channels of the first stage, which double with every stage.
SIZES = ((640, 32), (384, 48), (256, 64), (512, 24))


@dataclass(frozen=True, slots=True)
class ModuleNetwork:
    """A network with operators that no search space has.

    Attributes:
        name: name of the network.
        stages: blocks at strides 4, 8, 16 and 32, after the convolution that halves the map.
        heads: heads that read the pyramid of the last three stages.
    """

    name: str
    stages: tuple[tuple[Block, ...], ...]
    heads: tuple[Head, ...]

    def without(self, parts: Collection[Block | Head]) -> ModuleNetwork:
        """Return the network without some of its blocks and heads."""
        stages = tuple(
            tuple(block for block in stage if block not in parts) for stage in self.stages
        )
        heads = tuple(head for head in self.heads if head not in parts)
        return replace(self, stages=stages, heads=heads)

    def graph(self, side: int, channels: int) -> onnx.ModelProto:
        """Return the graph for a square image, with this number of channels in the first stage."""
        writer = ModuleWriter({"image": (3, side, side)})
        x = writer.conv("image", channels // 2, 3, 2)
        levels = []
        for index, blocks in enumerate(self.stages):
            x = writer.conv(x, channels * 2**index, 3, 2)
            for block in blocks:
                x = block(writer, x)
            levels.append(x)
        maps = feature_pyramid(writer, levels[1:])
        return writer.model(*(head(writer, maps) for head in self.heads))


NETWORKS = (
    ModuleNetwork(
        "split",
        (
            (split_block,),
            (split_block,),
            (area_attention, split_block),
            (pyramid_pooling, position_attention),
        ),
        (distance_head,),
    ),
    ModuleNetwork(
        "crop",
        (
            (crop_block,),
            (crop_block, shuffled_block),
            (crop_block, squeeze_block),
            (area_attention, encoder_layer),
        ),
        (anchor_head, selection),
    ),
    ModuleNetwork(
        "mixed",
        (
            (pools,),
            (residual_block, normalised_block),
            (learnt_upsampling, squeeze_block),
            (sampled_map, position_attention),
        ),
        (distance_head, selection),
    ),
)


def module_graphs(
    sizes: int, without: Collection[Block | Head] = ()
) -> Iterator[tuple[str, Callable[[], onnx.ModelProto]]]:
    """Yield name and graph of every network of modules in one size, then in the next, and so on.

    Args:
        sizes: number of `SIZES` to use.
        without: blocks and heads to leave out, for a runtime that lacks their operators.
    """
    for side, channels in SIZES[:sizes]:
        for network in (network.without(without) for network in NETWORKS):
            name = f"module/{network.name}/{side}x{channels}"
            yield name, partial(network.graph, side, channels)
