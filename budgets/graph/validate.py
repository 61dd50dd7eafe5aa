"""Checks for invalid shapes that ONNX's shape inference accepts and no runtime can run."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import onnx
from onnx import TensorProto

from maenas.budgets.graph.kinds import STANDARD
from maenas.budgets.graph.nodes import has_body, ints_of, shapes_of

# Operators whose output shape is known whenever their input shapes are known and agree.
FITTING = ("Add", "Sub", "Mul", "Div", "Concat", "MatMul", "Gemm", "Conv", "ConvTranspose",
           "MaxPool", "AveragePool")  # fmt: skip
UNLIMITED = 2**31 - 1  # number of inputs of an operator that takes any number
BYTES = {TensorProto.FLOAT: 4, TensorProto.FLOAT16: 2, TensorProto.INT64: 8, TensorProto.INT32: 4,
         TensorProto.INT8: 1, TensorProto.UINT8: 1}  # fmt: skip


def shape_errors(graph: onnx.GraphProto) -> Iterator[str]:
    """Yield the shape errors of a graph with inferred shapes, one message per operator.

    Only certain errors are reported: a tensor of unknown shape is not an error. ONNX's own checker
    is not used, because it refuses graphs that every runtime runs.
    """
    shapes = shapes_of(graph)
    yield from _torn(graph)
    for node in graph.node:
        read = [shapes.get(name) if name else None for name in node.input]
        written = shapes.get(node.output[0]) if node.output else None
        problem = None
        match node.op_type:
            case "Conv" | "ConvTranspose" if len(read) > 1:
                problem = _convolution(node, read)
            case "BatchNormalization":
                problem = _channels(read)
            case "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose":
                problem = _elements(read[0], written)
        if problem is None and node.op_type in FITTING and _holds(read) and not _holds([written]):
            problem = f"cannot join {' and '.join(_x(one) for one in read if one is not None)}"
        if problem is not None:
            yield f"{node.op_type} {node.name} {problem}"


def arity_errors(model: onnx.ModelProto) -> Iterator[str]:
    """Yield ONNX's operators with too few or too many inputs or outputs, one message per operator.

    Operators that ONNX does not define are left to the readers of the graph.
    """
    version = next((one.version for one in model.opset_import if one.domain in STANDARD), 1)
    for node in model.graph.node:
        if node.domain not in STANDARD or not onnx.defs.has(node.op_type):
            continue
        try:
            schema = onnx.defs.get_schema(node.op_type, version)
        except onnx.defs.SchemaError:  # the opset is too early for it
            schema = onnx.defs.get_schema(node.op_type)
        counts = (
            ("inputs", len(node.input), schema.min_input, schema.max_input),
            ("outputs", len(node.output), schema.min_output, schema.max_output),
        )
        for what, count, least, most in counts:
            if not least <= count <= most:
                upto = "" if most == least else f" to {most}" if most < UNLIMITED else " or more"
                yield f"{node.op_type} {node.name} has {count} {what}, not {least}{upto}"


def _holds(shapes: list[tuple[int, ...] | None]) -> bool:
    """Whether all shapes are known and none has zero elements."""
    return all(shape is not None and min(shape, default=1) > 0 for shape in shapes)


def _torn(graph: onnx.GraphProto) -> Iterator[str]:
    """Yield tensors that no node makes, and constants whose data does not match their shape."""
    made = {value.name for value in (*graph.input, *graph.initializer)}
    made.update(constant.values.name for constant in graph.sparse_initializer)
    for node in graph.node:
        if not has_body(node):
            for name in node.input:
                if name and name not in made:
                    what = f"{node.op_type} {node.name} reads {name}"
                    yield f"{what}, which no earlier operator writes"
        made.update(node.output)
    for value in graph.output:
        if value.name not in made:
            yield f"its output {value.name} is written by no operator"
    for constant in graph.initializer:
        size = BYTES.get(constant.data_type)
        if size and constant.raw_data and len(constant.raw_data) != size * prod(constant.dims):
            declared = _x(tuple(constant.dims))
            yield f"constant {constant.name} is declared as {declared}, which it is not"


def _convolution(node: onnx.NodeProto, read: list[tuple[int, ...] | None]) -> str | None:
    """Return how a convolution's channels or window contradict its weight; None if they agree."""
    x, weight, *rest = read
    groups = ints_of(node, "group", (1,))[0]
    if groups < 1:
        return f"splits its channels into {groups} groups"
    if weight is None or len(weight) < 3:
        return None
    window = ints_of(node, "kernel_shape", weight[2:])
    if window != weight[2:]:
        return f"declares a kernel of {_x(window)}, its weight has {_x(weight[2:])}"
    transposed = node.op_type == "ConvTranspose"
    wanted = weight[0] if transposed else weight[1] * groups
    written = weight[1] * groups if transposed else weight[0]
    if x is not None and len(x) == len(weight) and x[1] != wanted:
        return f"reads {x[1]} channels, its weight is for {wanted}"
    if weight[0] % groups:
        return f"splits {weight[0]} channels into {groups} groups"
    bias = rest[0] if rest else None
    if bias is not None and prod(bias) != written:
        return f"writes {written} channels, its bias is for {prod(bias)}"
    return None


def _channels(read: list[tuple[int, ...] | None]) -> str | None:
    """Return how a feature map's channels contradict the values for them; None if they agree."""
    x, *numbers = read
    if x is None or len(x) < 2:
        return None
    counts = [prod(one) for one in numbers if one is not None and prod(one) != x[1]]
    return f"reads {x[1]} channels, its numbers are for {counts[0]}" if counts else None


def _elements(read: tuple[int, ...] | None, written: tuple[int, ...] | None) -> str | None:
    """Return how the sizes of input and output differ; None if they are equal."""
    if read is None or written is None or prod(read) == prod(written):
        return None
    return f"makes {_x(written)} of {_x(read)}"


def _x(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "nothing"
