"""ONNX graphs made by hand, a line a node: `"y = Conv x w"`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Shape = tuple[int | str, ...]
OPSET = 19
BATCH_NORM = ("scale", "shift", "mean", "variance")


def made(
    lines: Sequence[str],
    inputs: Mapping[str, Shape] | None = None,
    weights: Mapping[str, NDArray[Any]] | None = None,
    outputs: Sequence[str] = (),
    attributes: Mapping[str, Mapping[str, Any]] | None = None,
    domain: str = "",
) -> onnx.ModelProto:
    """A graph whose nodes are called like what they write first.

    Args:
        lines: "outputs = Type inputs"; commas between outputs; `-` for an input left out.
        inputs: shapes by name; `x` of (1, 8, 16, 16) if left out.
        weights: constants by name.
        outputs: read from outside; the last tensor if left out.
        attributes: of nodes by name.
        domain: of operators whose type starts with "Custom".
    """
    nodes = []
    for line in lines:
        left, _, right = line.partition(" = ")
        kind, *reads = right.split()
        writes = left.split(",")
        nodes.append(
            helper.make_node(
                kind, ["" if name == "-" else name for name in reads], writes, writes[0],
                domain=domain if kind.startswith("Custom") else "",
                **(attributes or {}).get(writes[0], {}),
            )
        )  # fmt: skip
    shapes = inputs or {"x": (1, 8, 16, 16)}
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
            for name in outputs or [nodes[-1].output[0]]
        ],
        [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    if domain:
        opsets.append(helper.make_opsetid(domain, 1))
    return helper.make_model(graph, ir_version=10, opset_imports=opsets)


def kernels(out_channels: int, in_channels: int, *window: int) -> NDArray[np.float32]:
    """Weights of a convolution."""
    return np.zeros((out_channels, in_channels, *(window or (1, 1))), np.float32)


def vector(size: int) -> NDArray[np.float32]:
    """One number a channel."""
    return np.ones(size, np.float32)
