"""ONNX nodes of operators that arrange, select, sample or normalise elements."""

from __future__ import annotations

import numpy as np

from maenas.blocks.op import Op
from maenas.budgets.graph.writer import WEIGHT, GraphWriter


def arranged(writer: GraphWriter, op: Op, x: str) -> str:
    """Write an operator without weights, on one input; return the name of its output."""
    axis, size, kept = _changed(op)
    match op.kind:
        case "copy":
            return writer.node("Transpose", "copy", [x], perm=[0, 2, 3, 1])
        case "softmax":
            return writer.node("Softmax", "softmax", [x], axis=1)
        case "split":
            sizes = writer.constant(
                "sizes", np.array([kept, *([size - kept] if size > kept else [])])
            )
            rest = ["rest"] if size > kept else []
            return writer.node("Split", "split", [x, sizes], "split", *rest, axis=axis)
        case "crop":
            first, last = (writer.constant(f"to_{i}", np.array([i])) for i in (0, kept))
            axes = writer.constant("axes", np.array([axis]))
            return writer.node("Slice", "crop", [x, first, last, axes])
        case "gather":
            indices = writer.constant("indices", np.arange(kept)[::-1] % size)
            return writer.node("Gather", "gather", [x, indices], axis=axis)
        case "topk":
            count = writer.constant("count", np.array([kept]))
            return writer.node("TopK", "topk", [x, count], "topk", "indices", axis=axis)
        case "norm":
            scale, shift = (
                writer.constant(name, np.full(op.in_shape[0], WEIGHT))
                for name in ("scale", "shift")
            )
            return writer.node("InstanceNormalization", "norm", [x, scale, shift])
        case _:
            places = writer.constant("places", np.full((1, *op.out_shape[1:], 2), WEIGHT))
            return writer.node("GridSample", "sample", [x, places])


def _changed(op: Op) -> tuple[int, int, int]:
    """Return the first axis whose size changes, and its size before and after; else the first."""
    for axis, (size, kept) in enumerate(zip(op.in_shape, op.out_shape, strict=True), start=1):
        if size != kept:
            return axis, size, kept
    return 1, op.in_shape[0], op.out_shape[0]
