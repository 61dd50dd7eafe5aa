"""Tensors of two detectors that correspond to each other, and maps that layers concatenate."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from maenas.blocks import Backbone
from maenas.blocks.layers.cross_stage import CrossStage
from maenas.blocks.layers.pyramid_pooling import PyramidPooling
from maenas.detector.checkpoints.branches import ONE_TO_ONE_PREFIX
from maenas.detector.model.layers.fusion_neck import FusionNeck
from maenas.detector.model.layers.merge_node import ConvNode, MergeNode
from maenas.detector.model.layers.network import DetectorNetwork


@dataclass(frozen=True, slots=True)
class JoinedMap:
    """A feature map that is concatenated with others into the input of a layer.

    Attributes:
        name: name among these maps, equal in all detectors, such as "c5 up" or "block 2".
        kind: what it has in common with a map that may stand for it, such as "level 2 up".
        channels: number of channels.
    """

    name: str
    kind: str
    channels: int


Joined = tuple[JoinedMap, ...]


def tensor_pairs(
    target: DetectorNetwork,
    source: DetectorNetwork,
    target_backbone: Backbone,
    source_backbone: Backbone,
) -> dict[str, str]:
    """Name of the source's tensor for each tensor of the target that has a counterpart.

    Modules correspond by their type and, in a sequence, by their order among those of their type;
    where the target has more, the last one of the source serves again. Stages of the backbone must
    be of one kind of block and one stride.
    """
    pairs: dict[str, str] = {}
    for index, other in stage_pairs(target_backbone, source_backbone).items():
        name, of = f"backbone.stages.{index}", f"backbone.stages.{other}"
        pairs |= _pairs(target.get_submodule(name), source.get_submodule(of), name, of)
    for part in ("neck", "head"):
        pairs |= _pairs(target.get_submodule(part), source.get_submodule(part), part, part)
    if target.head.one_to_one is not None and source.head.one_to_one is None:
        pairs |= _pairs(
            target.head.one_to_one, source.head, ONE_TO_ONE_PREFIX.removesuffix("."), "head"
        )
    return pairs


def stage_pairs(target: Backbone, source: Backbone) -> dict[int, int]:
    """Index of the source's stage for each stage of the target that has a counterpart."""
    return paired_in_order(_kinds(target), _kinds(source))


def paired_in_order(target: Iterable[Hashable], source: Iterable[Hashable]) -> dict[int, int]:
    """Index in `source` for each index in `target`: equal keys correspond by their order.

    Where the target has more of a key, the last one of the source serves again.
    """
    places: dict[Hashable, list[int]] = defaultdict(list)
    for index, key in enumerate(source):
        places[key].append(index)
    seen: Counter[Hashable] = Counter()
    found: dict[int, int] = {}
    for index, key in enumerate(target):
        if places[key]:
            found[index] = places[key][min(seen[key], len(places[key]) - 1)]
            seen[key] += 1
    return found


def counterparts(target: Sequence[JoinedMap], source: Sequence[JoinedMap]) -> list[int | None]:
    """Index of the source's map for each map of the target; None for one without a counterpart.

    Maps of the same name correspond. For another one stands a map of the source of its kind whose
    name the target lacks, so that no map serves twice for different ones.
    """
    places = {each.name: index for index, each in enumerate(source)}
    named = {each.name for each in target}
    left = {each.kind: index for index, each in enumerate(source) if each.name not in named}
    return [places.get(each.name, left.get(each.kind)) for each in target]


def joined_inputs(network: DetectorNetwork) -> dict[str, Joined]:
    """The maps that are concatenated before a convolution, by the name of its weight."""
    found: dict[str, Joined] = {}
    for name, module in network.named_modules():
        for layer, maps in _concatenations(module):
            found[f"{name}.{layer}.conv.weight"] = maps
    return found


def _concatenations(module: nn.Module) -> Iterator[tuple[str, Joined]]:
    """Convolutions of a module that read several maps, and these."""
    if isinstance(module, PyramidPooling):
        width = module.reduce.conv.out_channels
        pools = [f"pool {pool.kernel_size}" for pool in module.pools]
        yield "expand", tuple(JoinedMap(name, name, width) for name in ("map", *pools))
    elif isinstance(module, CrossStage):
        widths = {"chain": module.start.conv.out_channels, "side": module.side.conv.out_channels}
        yield "fuse", tuple(JoinedMap(name, name, width) for name, width in widths.items())
    elif isinstance(module, FusionNeck):
        levels = {"c3": 0, "c4": 1, "c5": 2} | {node.name: node.level for node in module.nodes}
        for node in module.nodes:
            merged = tuple(
                JoinedMap(
                    f"{source} {move}", f"level {levels[source]} {move}", module.widths[source]
                )
                for source, move in node.inputs
            )
            part = module.parts[node.name]
            if isinstance(part, ConvNode):
                yield f"parts.{node.name}.conv", merged
            if isinstance(part, MergeNode):
                yield f"parts.{node.name}.around", merged
                if part.start is not None:
                    yield f"parts.{node.name}.start", merged
    elif isinstance(module, MergeNode):
        depth = len(module.blocks)
        kept = range(1, depth + 1) if module.keeps_every_output else range(depth, depth + 1)
        around = JoinedMap("around", "around", module.around.conv.out_channels)
        run = module.fuse.conv.in_channels - module.around.conv.out_channels
        blocks = [JoinedMap(f"block {each}", "block", run // len(kept)) for each in kept if each]
        yield "fuse", (around, *blocks)


def _kinds(backbone: Backbone) -> Iterator[tuple[type, int]]:
    """Kind of block and total stride of each stage."""
    reduction = 1
    for stage in backbone.stages:
        reduction *= stage.stride
        yield type(stage), reduction


def _pairs(target: nn.Module, source: nn.Module, name: str, of: str) -> dict[str, str]:
    """The corresponding tensors inside two modules."""
    if type(target) is not type(source):
        return {}
    theirs = set(_own_tensors(source))
    found = {f"{name}.{own}": f"{of}.{own}" for own in _own_tensors(target) if own in theirs}
    children, there = dict(target.named_children()), dict(source.named_children())
    if isinstance(target, nn.Sequential | nn.ModuleList):
        ours, its = list(children), list(there)
        types = [list(map(type, each.values())) for each in (children, there)]
        listed = [(ours[one], its[other]) for one, other in paired_in_order(*types).items()]
    else:
        listed = [(child, child) for child in children if child in there]
    for child, other in listed:
        found |= _pairs(children[child], there[other], f"{name}.{child}", f"{of}.{other}")
    return found


def _own_tensors(module: nn.Module) -> Iterator[str]:
    """Names of parameters and buffers of a module without those of its children."""
    for each in (module.named_parameters(recurse=False), module.named_buffers(recurse=False)):
        yield from (name for name, _ in each)
