"""Split of a detector into its network and the selection of detections, such as NMS and top k.

The latency of a selection depends on the content of the image, so a selection has no price.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import onnx
from onnx import TensorProto

from maenas.budgets.graph.kinds import SHAPES_ONLY
from maenas.budgets.graph.nodes import names_of

SELECTS = ("NonMaxSuppression", "TopK", "NonZero", "EfficientNMS_TRT", "EfficientNMSX_TRT",
           "BatchedNMS_TRT", "BatchedNMSDynamic_TRT", "NMSRotated_TRT")  # fmt: skip
# Operators that only arrange the inputs of a selection count as part of it.
ARRANGES = ("Transpose", "Slice", "Split", "Gather", "Reshape", "Flatten", "Squeeze", "Unsqueeze",
            "Cast", "Identity", "ReduceMax", "ArgMax")  # fmt: skip
NETWORK = ("Conv", "ConvTranspose", "MatMul", "Gemm")  # none of them follows the selection


@dataclass(frozen=True, slots=True)
class Parted:
    """A graph without its selection of detections.

    Attributes:
        network: part of the graph that has a price; the whole graph if it selects nothing.
        behind: count of the operators that were removed, by type.
    """

    network: onnx.ModelProto
    behind: Counter[str]


def part(model: onnx.ModelProto) -> Parted:
    """Cut a static graph before the selection of detections.

    A graph that continues with network layers after a selection stays whole.
    """
    graph = model.graph
    selected: set[str] = set()
    behind: list[onnx.NodeProto] = []
    before: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type in SELECTS or not selected.isdisjoint(node.input):
            behind.append(node)
            selected.update(name for name in node.output if name)
        else:
            before.append(node)
    if not behind or any(node.op_type in NETWORK for node in behind):
        return Parted(model, Counter())
    before, arranging = _arranging(graph, before, behind)
    kept, ends = _needed(graph, before, [*arranging, *behind])
    if not kept:
        return Parted(model, Counter())
    network = onnx.ModelProto()
    network.CopyFrom(model)
    cut = network.graph
    known = {value.name: value for value in (*graph.value_info, *graph.output)}
    del cut.node[:], cut.output[:], cut.value_info[:]
    cut.node.extend(kept)
    cut.output.extend(known[name] for name in ends)
    made = {name for node in kept for name in node.output}
    cut.value_info.extend(v for v in graph.value_info if v.name in made and v.name not in ends)
    read = {name for node in kept for name in node.input}
    constants = [constant for constant in cut.initializer if constant.name in read]
    del cut.initializer[:]
    cut.initializer.extend(constants)
    left = {name for node in kept for name in names_of(node)}
    rest = [node for node in graph.node if left.isdisjoint(names_of(node))]
    return Parted(network, Counter(n.op_type for n in rest if n.op_type not in SHAPES_ONLY))


def _arranging(
    graph: onnx.GraphProto, before: list[onnx.NodeProto], behind: list[onnx.NodeProto]
) -> tuple[list[onnx.NodeProto], list[onnx.NodeProto]]:
    """Split `before` into the network and the nodes that only arrange inputs of the selection."""
    read = {value.name for value in graph.output}  # tensors read by the network or from outside
    kept: list[onnx.NodeProto] = []
    arranging: list[onnx.NodeProto] = []
    theirs = {name for node in behind for name in node.input}
    for node in reversed(before):
        read_there = not theirs.isdisjoint(node.output)
        if node.op_type in ARRANGES and read_there and read.isdisjoint(node.output):
            arranging.append(node)
            theirs.update(node.input)
        else:
            kept.append(node)
            read.update(node.input)
    return kept[::-1], arranging[::-1]


def _needed(
    graph: onnx.GraphProto, before: list[onnx.NodeProto], behind: list[onnx.NodeProto]
) -> tuple[list[onnx.NodeProto], list[str]]:
    """Return the network's nodes that are needed, and the tensors at which the graph is cut."""
    floats = {
        value.name
        for value in (*graph.value_info, *graph.output)
        if value.type.tensor_type.elem_type == TensorProto.FLOAT
    }
    computed: set[str] = {value.name for value in graph.input}
    computed -= {constant.name for constant in graph.initializer}
    for node in before:
        if node.op_type not in SHAPES_ONLY and not computed.isdisjoint(node.input):
            computed.update(node.output)
    made = {name for node in before for name in node.output if name}
    wanted = [name for node in behind for name in node.input]
    wanted += [value.name for value in graph.output]
    ends = [name for name in dict.fromkeys(wanted) if name in made & computed & floats]
    needed = set(ends)
    kept = []
    for node in reversed(before):
        if not needed.isdisjoint(node.output):
            kept.append(node)
            needed.update(node.input)
    return kept[::-1], ends
