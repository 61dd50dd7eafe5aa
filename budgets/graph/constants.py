"""Preparation of an ONNX graph for quantising: folded constants, 32-bit floats, a late opset."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper, version_converter

from maenas.budgets.graph.inputs import GraphError
from maenas.budgets.graph.kinds import STANDARD
from maenas.budgets.graph.model import static_graph
from maenas.budgets.graph.nodes import has_body

Array = NDArray[Any]

MAX_ELEMENTS = 2**26  # maximum elements of a folded tensor: a graph can describe far larger ones
NEVER = ("QuantizeLinear", "DequantizeLinear", "RandomNormal", "RandomUniform", "Multinomial",
         "Bernoulli")  # fmt: skip
NARROW = (TensorProto.FLOAT16, TensorProto.BFLOAT16)


def fold_constants(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy in which every node that reads only constants is an initialiser.

    Exporters keep weights in `Constant` nodes followed by `Identity`, `Cast` or `Transpose`, where
    a search for weights does not find them. Quantising operators stay, since runtimes interpret
    them. Operators that the reference implementation cannot compute stay too.
    """
    folded = onnx.ModelProto()
    folded.CopyFrom(model)
    graph = folded.graph
    known = {one.name: one for one in graph.initializer}
    opset = opset_of(model)
    kept = []
    for node in graph.node:
        values = _values(node, known, opset)
        if values is None:
            kept.append(node)
            continue
        for name, value in zip(node.output, values, strict=True):
            if name:
                constant = numpy_helper.from_array(value, name)
                known[name] = constant
                graph.initializer.append(constant)
    del graph.node[:]
    graph.node.extend(kept)
    return folded


def widened(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy with 16-bit floats as 32-bit floats, in weights, inputs and outputs."""
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    graph = wide.graph
    for constant in graph.initializer:
        if constant.data_type in NARROW:
            constant.CopyFrom(_widened(constant))
    for value in (*graph.input, *graph.value_info, *graph.output):
        if value.type.tensor_type.elem_type in NARROW:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name in ("to", "dtype") and attribute.i in NARROW:
                attribute.i = TensorProto.FLOAT
            elif attribute.name == "value" and attribute.t.data_type in NARROW:
                attribute.t.CopyFrom(_widened(attribute.t))
    return wide


def _widened(constant: onnx.TensorProto) -> onnx.TensorProto:
    value = numpy_helper.to_array(constant).astype(np.float32)
    return numpy_helper.from_array(value, constant.name)


def _values(
    node: onnx.NodeProto, known: dict[str, onnx.TensorProto], opset: int
) -> list[Array] | None:
    """Return the outputs of a node of constants, one array each; None for any other node."""
    from onnx.reference import ReferenceEvaluator

    reads = [name for name in node.input if name]
    if node.domain not in STANDARD or node.op_type in NEVER or has_body(node):
        return None
    if not all(node.output) or not all(name in known for name in reads):
        return None
    graph = helper.make_graph(
        [node],
        "constant",
        [],
        [helper.make_empty_tensor_value_info(name) for name in node.output],
        [known[name] for name in dict.fromkeys(reads)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    try:
        if _elements(model) > MAX_ELEMENTS:
            return None
        return [np.asarray(value) for value in ReferenceEvaluator(model).run(None, {})]
    except Exception:  # the reference implementation raises any NumPy error
        return None


def _elements(model: onnx.ModelProto) -> int:
    """Return the size of the largest output of a model in elements, 0 if no shape is inferred."""
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    shapes = [value.type.tensor_type.shape.dim for value in inferred.graph.output]
    return max(prod(int(dim.dim_value) for dim in shape) for shape in shapes)


def opset_of(model: onnx.ModelProto) -> int:
    """Return the opset version of a model."""
    return next((one.version for one in model.opset_import if one.domain in STANDARD), 1)


def of_opset(model: onnx.ModelProto, least: int) -> onnx.ModelProto:
    """Return the model in at least this opset version, made static again.

    Raises:
        GraphError: if the model has an operator that ONNX cannot convert.
    """
    if opset_of(model) >= least:
        return model
    try:
        converted = version_converter.convert_version(model, least)
    except Exception as error:  # the converter is C++ and raises several types
        reason = " ".join(str(error).rpartition("failed: ")[2].split())[:200]
        raise GraphError(
            f"opset {opset_of(model)}: cannot be raised to {least}: {reason}; export the model "
            f"with opset {least} or later."
        ) from None
    return static_graph(converted)
