"""Shapes, attributes and names of ONNX nodes and tensors."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import onnx
from onnx import numpy_helper

from maenas.blocks.op import Shape

STEPS = 4  # position of the steps among the inputs of a Slice


def shapes_of(graph: onnx.GraphProto) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor whose dimensions are all known."""
    found = {constant.name: tuple(constant.dims) for constant in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        tensor = value.type.tensor_type
        if tensor.HasField("shape") and all(dim.HasField("dim_value") for dim in tensor.shape.dim):
            found.setdefault(value.name, tuple(dim.dim_value for dim in tensor.shape.dim))
    return found


def ints_of(node: onnx.NodeProto, name: str, default: Sequence[int]) -> tuple[int, ...]:
    """Return an attribute of one or several integers."""
    for attribute in node.attribute:
        if attribute.name == name:
            return tuple(attribute.ints) or (attribute.i,)
    return tuple(default)


def has_body(node: onnx.NodeProto) -> bool:
    """Whether a node contains subgraphs, as a branch or a loop does."""
    graphs = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
    return any(attribute.type in graphs for attribute in node.attribute)


def names_of(node: onnx.NodeProto) -> list[str]:
    """Return the names that a runtime may use for a node: its own or those of its outputs."""
    return list(dict.fromkeys((node.name, *(name for name in node.output if name))))


def map_of(shape: Sequence[int] | None) -> Shape | None:
    """Return a shape as (channels, height, width), without a batch of 1, leading axes joined.

    The result is None for a shape that is unknown or has no elements.
    """
    if not shape or min(shape) < 1:
        return None
    rest = shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
    match len(rest):
        case 1:
            return (rest[0], 1, 1)
        case 2:
            return (rest[1], rest[0], 1)  # rows of features, with the features on the last axis
        case _:
            return (prod(rest[:-2]), rest[-2], rest[-1])


def strided_slices(graph: onnx.GraphProto) -> set[str]:
    """Return the names of the Slice nodes with a step over 1, as in a Focus stem.

    A slice without steps reads one piece of memory, or shares it with its input.
    """
    steps = {
        node.name: node.input[STEPS]
        for node in graph.node
        if node.op_type == "Slice" and len(node.input) > STEPS
    }
    values = set(steps.values())
    known = {constant.name: constant for constant in graph.initializer if constant.name in values}
    for node in graph.node:
        values_of = [a.t for a in node.attribute if a.name == "value"]
        if node.op_type == "Constant" and node.output[0] in values and values_of:
            known[node.output[0]] = values_of[0]
    skipping = {name for name, value in known.items() if (numpy_helper.to_array(value) > 1).any()}
    return {node for node, name in steps.items() if name in skipping}
