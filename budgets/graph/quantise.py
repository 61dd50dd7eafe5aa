"""INT8 graphs for timing: convolutions and matrix products are quantised, with arbitrary ranges."""

from __future__ import annotations

from collections.abc import Container

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from maenas.budgets.graph.constants import fold_constants, of_opset, widened
from maenas.budgets.graph.layers import OURS, OURS_LEVEL

SCALE = np.float32(1 / 32)  # scale of activations; values do not affect latency
PER_CHANNEL_OPSET = 13  # first opset whose QuantizeLinear accepts a scale per channel
# Operators that runtimes compute in 8 bits, and the axis along which their weights have a scale for
# each output channel; None for a single scale, which has no axis to be mistaken.
WEIGHTED: dict[str, int | None] = {
    "Conv": 0, "ConvTranspose": None, "MatMul": None, "Gemm": None
}  # fmt: skip
SMALLEST = 0.01  # minimum range of a weight, so that its scale is not zero in float16


def quantised(model: onnx.ModelProto, kinds: Container[str] = WEIGHTED) -> onnx.ModelProto:
    """Return a copy whose heavy operators read 8-bit inputs and weights, marked by Q/DQ pairs.

    The copy is for measuring latency, not accuracy, because its ranges are arbitrary. Weights are
    symmetric, those of convolutions with one scale per output channel; activations are signed and
    share one scale. The decoding of maenas's own exports is left as it is. Constants are folded
    first and 16-bit floats widened. An opset below 13 is raised, because it has no scale per
    channel.

    Args:
        model: static graph.
        kinds: operators to quantise, among those of `WEIGHTED`.
    Raises:
        GraphError: if the opset cannot be raised.
    """
    graph = fold_constants(widened(of_opset(model, PER_CHANNEL_OPSET)))
    body = graph.graph
    weights = {constant.name: constant for constant in body.initializer}
    narrow = {node.name for node in body.node if node.op_type in kinds}
    narrow -= _kept(body, weights)
    nodes: list[onnx.NodeProto] = []
    done: dict[str, str] = {}  # tensor -> its replacement
    constants = [
        numpy_helper.from_array(np.array(SCALE), "q_scale"),
        numpy_helper.from_array(np.array(0, np.int8), "q_zero"),
    ]
    for node in body.node:
        for index in (0, 1) if node.name in narrow else ():
            name = node.input[index]
            if name not in done:
                done[name] = f"{name}_dq"
                if name in weights:
                    axis = WEIGHTED[node.op_type]
                    constants += _weight(weights[name], axis)
                    inputs = [f"{name}_q", f"{name}_scale", f"{name}_zero"]
                    nodes.append(_dequantise(inputs, f"{name}_dq", axis=axis or 0))
                else:
                    nodes += _pair(name)
            node.input[index] = done[name]
        nodes.append(node)
    read = {name for node in nodes for name in node.input}
    kept = [c for c in body.initializer if c.name in read or c.name not in done]
    del body.node[:], body.initializer[:]
    body.node.extend(nodes)
    body.initializer.extend((*kept, *constants))
    return graph


def _kept(graph: onnx.GraphProto, weights: Container[str]) -> set[str]:
    """Names of nodes that stay as they are: a convolution in 8 bits needs constant weights."""
    typed = {value.name: value.type.tensor_type.elem_type for value in graph.value_info}
    ours = any(node.name.startswith(OURS_LEVEL) for node in graph.node)
    kept = set()
    for node in graph.node:
        constant = [name in weights for name in node.input[:2]]
        computes = not all(constant)
        if node.op_type in ("Conv", "ConvTranspose"):
            computes = constant == [False, True]
        is_float = typed.get(node.output[0], TensorProto.FLOAT) == TensorProto.FLOAT
        if not (computes and is_float) or (ours and node.name.startswith(OURS)):
            kept.add(node.name)
    return kept


def is_quantised(model: onnx.ModelProto) -> bool:
    """Whether any operator of the graph reads 8-bit numbers."""
    return any(node.op_type == "DequantizeLinear" for node in model.graph.node)


def _pair(name: str) -> list[onnx.NodeProto]:
    quantise = helper.make_node(
        "QuantizeLinear", [name, "q_scale", "q_zero"], [f"{name}_q"], f"{name}_q"
    )
    return [quantise, _dequantise([f"{name}_q", "q_scale", "q_zero"], f"{name}_dq")]


def _dequantise(inputs: list[str], name: str, axis: int = 1) -> onnx.NodeProto:
    return helper.make_node("DequantizeLinear", inputs, [name], name, axis=axis)


def _weight(constant: onnx.TensorProto, axis: int | None) -> list[onnx.TensorProto]:
    """Return a weight in 8 bits, with scale and zero point of each output channel or of all."""
    value = numpy_helper.to_array(constant).astype(np.float32)
    others = None if axis is None else tuple(a for a in range(value.ndim) if a != axis)
    largest = np.abs(value).max(axis=others, keepdims=True)
    scale = (np.maximum(largest, SMALLEST) / 127).astype(np.float32)
    steps = np.round(value / scale).astype(np.int8)
    name, shape = constant.name, () if axis is None else (value.shape[axis],)
    return [
        numpy_helper.from_array(steps, f"{name}_q"),
        numpy_helper.from_array(scale.reshape(shape), f"{name}_scale"),
        numpy_helper.from_array(np.zeros(shape, np.int8), f"{name}_zero"),
    ]
