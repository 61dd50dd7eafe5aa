"""INT8 graphs for timing: every convolution between quantising operators, ranges made up."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from maenas.budgets.graph.constants import fold_constants, of_opset, widened

SCALE = np.float32(1 / 32)  # of activations; what numbers mean does not change how long they take
PER_CHANNEL_OPSET = 13  # the first whose QuantizeLinear takes a scale for each channel
SMALLEST = 0.01  # range of a weight: its scale must not vanish in float16


def quantised(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose convolutions read 8-bit inputs and weights, marked by Q/DQ pairs.

    Only time can be measured with it, not accuracy: the ranges are made up. Weights are symmetric,
    one scale an output channel; activations are signed and share one scale. Constants are folded
    first, 16-bit floats widened, and an opset below 13 raised: earlier ones know no scale a
    channel.

    Raises:
        GraphError: if the opset cannot be raised.
    """
    graph = fold_constants(widened(of_opset(model, PER_CHANNEL_OPSET)))
    body = graph.graph
    weights = {constant.name: constant for constant in body.initializer}
    nodes: list[onnx.NodeProto] = []
    done: dict[str, str] = {}  # tensor -> what stands for it
    constants = [
        numpy_helper.from_array(np.array(SCALE), "q_scale"),
        numpy_helper.from_array(np.array(0, np.int8), "q_zero"),
    ]
    for node in body.node:
        if node.op_type == "Conv" and node.input[1] in weights:
            for place in (0, 1):
                name = node.input[place]
                if name not in done:
                    done[name] = f"{name}_dq"
                    if place == 0:
                        nodes += _pair(name)
                    else:
                        constants += _weight(weights[name])
                        inputs = [f"{name}_q", f"{name}_scale", f"{name}_zero"]
                        nodes.append(_dequantise(inputs, f"{name}_dq", axis=0))
                node.input[place] = done[name]
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
    """A convolution's weight in 8 bits, with a scale and a zero for each output channel."""
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
