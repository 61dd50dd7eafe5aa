"""ONNX graphs of single operators, and the reference graph that tracks the speed of a device."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from maenas.blocks.op import Op, Shape, conv
from maenas.budgets.graph.arranging_operators import arranged
from maenas.budgets.graph.writer import WEIGHT, GraphWriter

OPSET = 19
IR_VERSION = 10
# Convolutions of the reference graph: compute-bound, memory-bound, and in between. They take about
# 3 ms on one CPU core, so that the graph can run between any two samples.
REFERENCE_SHAPE: Shape = (64, 80, 80)


def operator_graph(op: Op) -> onnx.ModelProto:
    """Return a static graph of a single operator of any kind except `decode`."""
    writer = GraphWriter()
    inputs = {"x": op.in_shape}
    if op.kind == "concat":
        channels, *size = op.in_shape
        first = max(1, channels // 2)
        inputs = {"x": (first, *size), "y": (channels - first, *size)}  # type: ignore[dict-item]
    elif op.kind in ("add", "mul"):
        inputs = {"x": op.in_shape, "y": op.in_shape}
    out = _body(writer, op, list(inputs))
    if op.adds:
        inputs["residual"] = op.out_shape
        out = writer.node("Add", "sum", [out, "residual"])
    if op.kind != "act":
        out = _activated(writer, op.act, out)
    return _model(writer, inputs, out)


def reference_graph() -> onnx.ModelProto:
    """Return a small fixed network whose latency shows the present speed of the device."""
    wide = conv(REFERENCE_SHAPE, 64, 3, act="relu")
    expand = conv(wide.out_shape, 192, 1, act="relu")
    spread = conv(expand.out_shape, 192, 3, stride=2, groups=192)
    last = conv(spread.out_shape, 64, 1)
    writer = GraphWriter()
    out = "x"
    for index, op in enumerate((wide, expand, spread, last)):
        out = _activated(
            writer, op.act, _convolution(writer, op, out, f"conv_{index}"), f"_{index}"
        )
    return _model(writer, {"x": REFERENCE_SHAPE}, out)


def _model(writer: GraphWriter, inputs: dict[str, Shape], out: str) -> onnx.ModelProto:
    graph = helper.make_graph(
        writer.nodes,
        "operator",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, *shape))
            for name, shape in inputs.items()
        ],
        [helper.make_tensor_value_info(out, TensorProto.FLOAT, None)],
        list(writer.constants.values()),
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, ir_version=IR_VERSION, opset_imports=[opset])
    return onnx.shape_inference.infer_shapes(model)


def _body(writer: GraphWriter, op: Op, inputs: list[str]) -> str:
    """Write the operator without the operators fused into it; return the name of its output."""
    match op.kind:
        case "conv":
            return _convolution(writer, op, inputs[0], "conv")
        case "deconv":
            shape = (op.in_shape[0], op.out_shape[0] // op.groups, *op.kernel)
            weight = writer.constant("weight", np.full(shape, WEIGHT))
            return writer.node(
                "ConvTranspose", "deconv", [*inputs, weight], group=op.groups, **_spread(op)
            )
        case "max_pool":
            return writer.node("MaxPool", "pool", inputs, **_window(op))
        case "avg_pool":
            return writer.node("AveragePool", "pool", inputs, count_include_pad=1, **_window(op))
        case "global_pool":
            return writer.node("GlobalAveragePool", "pool", inputs)
        case "upsample":
            steps = [out / come for out, come in zip(op.out_shape, op.in_shape, strict=True)]
            scales = writer.constant("scales", np.array([1, *steps], np.float32))
            return writer.node(
                "Resize", "resize", [inputs[0], "", scales], mode="nearest",
                coordinate_transformation_mode="asymmetric", nearest_mode="floor",
            )  # fmt: skip
        case "slice":
            return writer.node("SpaceToDepth", "slice", inputs, blocksize=2)
        case "concat":
            return writer.node("Concat", "concat", inputs, axis=1)
        case "add" | "mul":
            return writer.node(op.kind.title(), op.kind, inputs)
        case "act":
            return _activated(writer, op.act if op.act != "none" else "relu", inputs[0])
        case "matmul":
            inner, rows, batch = op.in_shape
            shaped = writer.constant("rows", np.array([1, batch, rows, inner]))
            columns = writer.constant("weight", np.full((inner, op.out_shape[0]), WEIGHT))
            read = writer.node("Reshape", "shaped", [inputs[0], shaped])
            return writer.node("MatMul", "matmul", [read, columns])
        case "decode":
            raise AssertionError(f"{op.kind} has no graph of its own")
        case _:
            return arranged(writer, op, inputs[0])


def _convolution(writer: GraphWriter, op: Op, x: str, name: str) -> str:
    shape = (op.out_shape[0], op.in_shape[0] // op.groups, *op.kernel)
    weight = writer.constant(f"{name}.weight", np.full(shape, WEIGHT))
    bias = writer.constant(f"{name}.bias", np.full(op.out_shape[0], WEIGHT))
    return writer.node("Conv", name, [x, weight, bias], group=op.groups, **_window(op))


def _window(op: Op) -> dict[str, list[int]]:
    """Return kernel, strides and pads as attributes; the pads give the operator its output."""
    begins, ends = [], []
    sizes = zip(op.in_shape[1:], op.out_shape[1:], op.kernel, op.strides, strict=True)
    for read, written, side, step in sizes:
        needed = (written - 1) * step + side - read
        usual = side // 2
        if side % 2 and needed <= 2 * usual < needed + step:  # as every convolution here has
            begins.append(usual)
            ends.append(usual)
        else:
            begins.append(max(0, needed) // 2)
            ends.append(max(0, needed) - begins[-1])
    return {
        "kernel_shape": list(op.kernel),
        "strides": list(op.strides),
        "pads": [*begins, *ends],
    }


def _spread(op: Op) -> dict[str, list[int]]:
    """Return the attributes of a transposed convolution; its pads give the operator its output."""
    pads, extra = [], []
    sizes = zip(op.in_shape[1:], op.out_shape[1:], op.kernel, op.strides, strict=True)
    for read, written, side, step in sizes:
        surplus = (read - 1) * step + side - written
        pads.append(max(0, -(-surplus // 2)))
        extra.append(2 * pads[-1] - surplus)
    return {
        "kernel_shape": list(op.kernel),
        "strides": list(op.strides),
        "pads": [*pads, *pads],
        "output_padding": extra,
    }


def _activated(writer: GraphWriter, act: str, x: str, suffix: str = "") -> str:
    match act:
        case "none":
            return x
        case "relu":
            return writer.node("Relu", f"relu{suffix}", [x])
        case "sigmoid":
            return writer.node("Sigmoid", f"sigmoid{suffix}", [x])
        case _:
            gate = writer.node("Sigmoid", f"gate{suffix}", [x])
            return writer.node("Mul", f"silu{suffix}", [x, gate])
