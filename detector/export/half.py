"""An ONNX graph typed in 16-bit floats, as TensorRT 11 wants to be told about precision."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from detector.export.decode import PREFIX

# Inputs that stay in 32 bits, by operator: the scales of a Resize.
IN_FLOAT = {"Resize": (2,)}


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose body is typed float16; input, decoding and outputs stay float32.

    Boxes reach 640 and more, where float16 counts in halves, and scores need more than its 11
    bits: so logits are cast back before they are decoded. Quantised operators stay so, with
    float16 scales.

    Args:
        model: before NMS is appended, all floats in 32 bits.
    """
    half = onnx.ModelProto()
    half.CopyFrom(model)
    graph = half.graph
    body = [node for node in graph.node if not node.name.startswith(PREFIX)]
    rest = [node for node in graph.node if node.name.startswith(PREFIX)]
    constants = {constant.name: constant for constant in graph.initializer}
    made = {name for node in body for name in node.output}
    for node in body:
        for index, name in enumerate(node.input):
            if name == "images":
                node.input[index] = "images_f16"
            elif name in constants and index not in IN_FLOAT.get(node.op_type, ()):
                _narrow(constants[name])
    casts = [
        helper.make_node("Cast", ["images"], ["images_f16"], "images_f16", to=TensorProto.FLOAT16)
    ]
    widened: dict[str, str] = {}
    for node in rest:
        for index, name in enumerate(node.input):
            if name in made:
                widened[name] = f"{name}_f32"
                node.input[index] = widened[name]
    back = [
        helper.make_node("Cast", [name], [wide], f"{PREFIX}{wide}", to=TensorProto.FLOAT)
        for name, wide in widened.items()
    ]
    del graph.node[:]
    del graph.value_info[:]
    graph.node.extend((*casts, *body, *back, *rest))
    onnx.checker.check_model(half, full_check=True)
    return half


def _narrow(constant: onnx.TensorProto) -> None:
    """Store a float32 constant as float16, in place; others stay."""
    if constant.data_type == TensorProto.FLOAT:
        value = numpy_helper.to_array(constant).astype(np.float16)
        constant.CopyFrom(numpy_helper.from_array(value, constant.name))
