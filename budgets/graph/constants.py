"""An ONNX graph in the form that quantising expects: constants folded, 32 bits, a late opset."""

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

MAX_ELEMENTS = 2**26  # elements of a folded tensor: a graph may describe far larger ones
NEVER = ("QuantizeLinear", "DequantizeLinear", "RandomNormal", "RandomUniform", "Multinomial",
         "Bernoulli")  # fmt: skip
NARROW = (TensorProto.FLOAT16, TensorProto.BFLOAT16)


def fold_constants(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which every node that reads constants alone is an initialiser.

    Exporters keep weights in `Constant` nodes, behind `Identity`, `Cast` or `Transpose`, where
    nothing that looks for weights finds them. Quantising operators stay, since runtimes read them
    as marks; so does whatever the reference implementation cannot compute.
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
    """A copy whose 16-bit floats are 32 bits wide, weights, inputs and outputs alike."""
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
    """What a node of constants computes, one array an output; None for every other node."""
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
    except Exception:  # the reference implementation raises whatever its numpy code raises
        return None


def _elements(model: onnx.ModelProto) -> int:
    """Elements of the largest output of a model, 0 where no shape is inferred."""
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    shapes = [value.type.tensor_type.shape.dim for value in inferred.graph.output]
    return max(prod(int(dim.dim_value) for dim in shape) for shape in shapes)


def opset_of(model: onnx.ModelProto) -> int:
    """Version of the standard operators that a model is written in."""
    return next((one.version for one in model.opset_import if one.domain in STANDARD), 1)


def of_opset(model: onnx.ModelProto, least: int) -> onnx.ModelProto:
    """The model in at least this version of the standard operators, static once more.

    Raises:
        GraphError: if it holds an operator that ONNX cannot convert.
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
