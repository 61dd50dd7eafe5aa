"""Typed graphs, for runtimes that read the precision from the graph."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from maenas.blocks.errors import MaenasError
from maenas.budgets.backends.backend import BackendError
from maenas.budgets.graph.constants import of_opset
from maenas.budgets.graph.half import to_half
from maenas.budgets.graph.layers import OURS, OURS_LEVEL
from maenas.budgets.graph.quantise import SCALE, is_quantised, quantised
from maenas.budgets.graph.residuals import place_residuals
from maenas.budgets.latency import Precision

HEAVY = ("Conv", "ConvTranspose", "MatMul", "Gemm")  # operators of most of the work
HALF_QUANTISED_OPSET = 19  # first opset whose Q/DQ accept float16

# What the checker of ONNX raises.
INVALID = (onnx.checker.ValidationError, onnx.shape_inference.InferenceError)


@dataclass(frozen=True, slots=True)
class TypedGraph:
    """A graph and its precision.

    Attributes:
        model: model for the runtime.
        precision: number format of most of the work. It is never int8 without convolutions, and
            f32 for a graph that only decodes.
        heavy: names of the nodes that do most of the work.
    """

    model: onnx.ModelProto
    precision: Precision
    heavy: frozenset[str]


def typed_graph(model: onnx.ModelProto, precision: Precision) -> TypedGraph:
    """Convert a static graph in 32-bit floats to a precision.

    f16 and int8 have inputs and outputs of 16 bits, while the decoding of maenas's own exports
    stays in 32 bits. With int8, all operators except the convolutions are f16.

    Raises:
        BackendError: if the graph cannot be converted.
    """
    ours = any(node.name.startswith(OURS_LEVEL) for node in model.graph.node)
    prefix = OURS if ours else None  # other exporters may use this name too
    body = [n for n in model.graph.node if prefix is None or not n.name.startswith(prefix)]
    heavy = frozenset(node.name for node in body if node.op_type in HEAVY)
    if precision == "f32" or not body:
        return TypedGraph(model, "f32", heavy)
    try:
        if precision == "int8":
            model = quantised(of_opset(model, HALF_QUANTISED_OPSET), ("Conv",))
            if is_quantised(model):
                place_residuals(model, lambda names: dict.fromkeys(names, float(SCALE)), prefix)
        half = to_half(model, prefix, float_io=False)
    except (RuntimeError, ValueError, MaenasError, *INVALID) as error:
        reason = " ".join(str(error).split())[:200]
        raise BackendError(f"precision: cannot type the model in {precision}: {reason}") from None
    return TypedGraph(half, "int8" if is_quantised(half) else "f16", heavy)
