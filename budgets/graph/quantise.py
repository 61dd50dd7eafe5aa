"""INT8 graphs for timing: every convolution is quantised, with arbitrary ranges."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from maenas.budgets.graph.constants import fold_constants, of_opset, widened

SCALE = np.float32(1 / 32)  # scale of activations; values do not affect latency
PER_CHANNEL_OPSET = 13  # first opset whose QuantizeLinear accepts a scale per channel
SMALLEST = 0.01  # minimum range of a weight, so that its scale is not zero in float16


def quantised(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy whose convolutions read 8-bit inputs and weights, marked by Q/DQ pairs.

    The copy is for measuring latency, not accuracy, because its ranges are arbitrary. Weights are
    symmetric, with one scale per output channel; activations are signed and share one scale.
    Constants are folded first and 16-bit floats widened. An opset below 13 is raised, because it
    has no scale per channel.

    Raises:
        GraphError: if the opset cannot be raised.
    """
    graph = fold_constants(widened(of_opset(model, PER_CHANNEL_OPSET)))
    body = graph.graph
    weights = {constant.name: constant for constant in body.initializer}
    nodes: list[onnx.NodeProto] = []
    done: dict[str, str] = {}  # tensor -> its replacement
    constants = [
        numpy_helper.from_array(np.array(SCALE), "q_scale"),
        numpy_helper.from_array(np.array(0, np.int8), "q_zero"),
    ]
    for node in body.node:
        if node.op_type == "Conv" and node.input[1] in weights:
            for index in (0, 1):
                name = node.input[index]
                if name not in done:
                    done[name] = f"{name}_dq"
                    if index == 0:
                        nodes += _pair(name)
                    else:
                        constants += _weight(weights[name])
                        inputs = [f"{name}_q", f"{name}_scale", f"{name}_zero"]
                        nodes.append(_dequantise(inputs, f"{name}_dq", axis=0))
                node.input[index] = done[name]
        nodes.append(node)
    read = {name for node in nodes for name in node.input}
    kept = [c for c in body.initializer if c.name in read or c.name not in done]
    del body.node[:], body.initializer[:]
    body.node.extend(nodes)
    body.initializer.extend((*kept, *constants))
    return graph


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


def _weight(constant: onnx.TensorProto) -> list[onnx.TensorProto]:
    """Return a convolution's weight in 8 bits, with scale and zero point of each output channel."""
    value = numpy_helper.to_array(constant).astype(np.float32)
    largest = np.abs(value).reshape(len(value), -1).max(axis=1)
    scale = (np.maximum(largest, SMALLEST) / 127).astype(np.float32)
    steps = np.round(value / scale.reshape(-1, *(1,) * (value.ndim - 1))).astype(np.int8)
    name = constant.name
    return [
        numpy_helper.from_array(steps, f"{name}_q"),
        numpy_helper.from_array(scale, f"{name}_scale"),
        numpy_helper.from_array(np.zeros(len(scale), np.int8), f"{name}_zero"),
    ]
