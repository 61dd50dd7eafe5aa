"""What ONNX nodes and tensors say of themselves."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import onnx

from maenas.blocks.op import Shape


def shapes_of(graph: onnx.GraphProto) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor whose dimensions are all known."""
    found = {constant.name: tuple(constant.dims) for constant in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        tensor = value.type.tensor_type
        if tensor.HasField("shape") and all(dim.HasField("dim_value") for dim in tensor.shape.dim):
            found.setdefault(value.name, tuple(dim.dim_value for dim in tensor.shape.dim))
    return found


def ints_of(node: onnx.NodeProto, name: str, default: Sequence[int]) -> tuple[int, ...]:
    """An attribute of one or several integers."""
    for attribute in node.attribute:
        if attribute.name == name:
            return tuple(attribute.ints) or (attribute.i,)
    return tuple(default)


def has_body(node: onnx.NodeProto) -> bool:
    """Whether it runs graphs of its own: a branch or a loop."""
    graphs = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
    return any(attribute.type in graphs for attribute in node.attribute)


def names_of(node: onnx.NodeProto) -> list[str]:
    """By which a runtime may call it: its own name, or that of what it writes."""
    return list(dict.fromkeys((node.name, *(name for name in node.output if name))))


def map_of(shape: Sequence[int] | None) -> Shape | None:
    """A tensor as (channels, height, width); the batch of 1 is dropped, leading axes are joined.

    None for a shape that is not known or holds nothing.
    """
    if not shape or min(shape) < 1:
        return None
    rest = shape[1:] if len(shape) > 1 else shape
    match len(rest):
        case 1:
            return (rest[0], 1, 1)
        case 2:
            return (rest[1], rest[0], 1)  # rows of features: the last axis holds them
        case _:
            return (prod(rest[:-2]), rest[-2], rest[-1])
