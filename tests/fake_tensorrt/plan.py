"""The plan of a fake engine: its serialised form, its layers, and what the inspector tells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from math import prod
from typing import Any

import onnx
from onnx import TensorProto, shape_inference

MAGIC = b"ftrt"
HIDDEN = "N/A due to dynamic shapes"
KINDS = {TensorProto.FLOAT: "Float", TensorProto.FLOAT16: "Half", TensorProto.INT8: "Int8",
         TensorProto.BFLOAT16: "BFloat16", TensorProto.INT64: "Int64",
         TensorProto.INT32: "Int32", TensorProto.BOOL: "Bool",
         TensorProto.UINT8: "UInt8"}  # fmt: skip
FORMATS = {"Float": "Row major linear FP32",
           "Half": "Channel major FP16 format where channel % 8 == 0",
           "Int8": "Thirty-two wide channel vectorized row major Int8 format"}  # fmt: skip
TACTICS = {"Float": "sm80_xmma_fprop_implicit_gemm_f32f32_f32f32_f32_nhwckrsc_nhwc_tilesize64x64x8",
           "Half": "sm80_xmma_fprop_implicit_gemm_f16f16_f16f16_f16_nhwckrsc_nhwc_tilesize64x64x64",
           "Int8": "sm80_xmma_fprop_implicit_gemm_interleaved_i8i8_i8i32_f32_nchw_vect_c_32kcrs_vec"
           }  # fmt: skip
GIGA_MACS_US = {"Float": 4e6, "Half": 16e6, "Int8": 32e6}  # multiply-adds in a microsecond
BYTES_US = 250e3  # bytes in a microsecond
KERNEL_US = 1.5  # the shortest kernel
HEAVY = ("Conv", "ConvTranspose", "MatMul", "Gemm")
SILENT = ("QuantizeLinear", "DequantizeLinear")  # absorbed by their neighbours


@dataclass(slots=True)
class Plan:
    """What a build decides.

    Attributes:
        version: version of TensorRT that built it.
        gpu: name of the GPU it was built on.
        detailed: whether the inspector tells more than names.
        profile: least, optimal and largest shape of each open input.
        flags: names of the builder's flags.
        hardware: hardware compatibility level.
        drift: share by which its scores are too high.
        model: the network.
    """

    version: str
    gpu: str
    detailed: bool
    model: onnx.ModelProto
    profile: dict[str, list[list[int]]] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    hardware: str = "NONE"
    drift: float = 0.0

    def serialize(self) -> bytes:
        """The plan as the content of a file."""
        head = asdict(self)
        del head["model"]
        return MAGIC + json.dumps(head).encode() + b"\n" + self.model.SerializeToString()


def read_plan(content: bytes) -> Plan | None:
    """The plan in a file; None if the file is damaged."""
    head, line, model = content[len(MAGIC) :].partition(b"\n")
    if not content.startswith(MAGIC) or not line:
        return None
    try:
        return Plan(**json.loads(head), model=onnx.load_from_string(model))
    except Exception:
        return None


@dataclass(frozen=True, slots=True)
class Layer:
    """A fused layer: a heavy node and the activation behind it, or any other node alone."""

    nodes: tuple[onnx.NodeProto, ...]
    reads: str
    writes: str
    kind: str  # type of the input
    weights: str | None  # type of the weights, if it has them
    count: int  # number of weights
    us: float  # time on the fake GPU at the first shape

    @property
    def name(self) -> str:
        """Names of the nodes, as the vendor joins them."""
        return " + ".join(node.name for node in self.nodes)


def fused(model: onnx.ModelProto) -> list[Layer]:
    """The layers of a model in order of execution."""
    model = shape_inference.infer_shapes(model)
    graph = model.graph
    values = {v.name: v for v in (*graph.value_info, *graph.input, *graph.output)}
    constants = {constant.name: constant for constant in graph.initializer}
    made_by = {name: node for node in graph.node for name in node.output}
    users: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    taken: set[str] = set()
    layers = []
    for node in graph.node:
        if node.op_type in SILENT or node.name in taken or node.op_type in ("Constant", "Shape"):
            continue
        nodes = [node]
        if node.op_type in HEAVY:
            after = users.get(node.output[0], [])
            while len(after) == 1 and after[0].op_type in ("Relu", "Clip"):
                nodes.append(after[0])
                after = users.get(after[0].output[0], [])
        taken.update(one.name for one in nodes)
        reads, kind = _source(node, made_by, values, constants)
        size, told = _weights(node, made_by, constants)
        us = _us(values.get(node.output[0]), values.get(reads), size, told, kind)
        layers.append(Layer(tuple(nodes), reads, nodes[-1].output[0], kind, told, size, us))
    return layers


def _source(node: onnx.NodeProto, made_by: Any, values: Any, constants: Any) -> tuple[str, str]:
    """Name and type of the first input, behind any quantisation."""
    name = node.input[0] if node.input else ""
    made = made_by.get(name)
    if made is not None and made.op_type == "DequantizeLinear":
        return made.input[0], "Int8"
    value = values.get(name)
    kind = value.type.tensor_type.elem_type if value is not None else TensorProto.FLOAT
    return name, KINDS.get(kind, "Float")


def _weights(node: onnx.NodeProto, made_by: Any, constants: Any) -> tuple[int, str | None]:
    """Number and type of the weights of a node that multiplies; those of Q/DQ are INT8."""
    if node.op_type not in HEAVY:
        return 0, None
    name = node.input[1]
    made, is_quantised = made_by.get(name), False
    while made is not None and made.op_type in SILENT:
        name, is_quantised = made.input[0], True
        made = made_by.get(name)
    found = constants.get(name)
    if found is None:
        return 0, None
    return prod(found.dims), "Int8" if is_quantised else KINDS[found.data_type]


def _us(out: Any, into: Any, weights: int, told: str | None, kind: str) -> float:
    """Time of a layer: a roofline with a least time."""
    size = _elements(out)
    width = {"Float": 4, "Half": 2, "Int8": 1}.get(kind, 4)
    moved = (size + _elements(into) + weights) * width / BYTES_US
    channels = max(1, _dims(out)[1] if len(_dims(out)) > 1 else 1)
    macs = size * weights / channels
    return KERNEL_US + max(moved, macs / GIGA_MACS_US.get(told or kind, 4e6))


def _dims(value: Any) -> list[int]:
    if value is None:
        return []
    return [max(1, dim.dim_value) for dim in value.type.tensor_type.shape.dim]


def _elements(value: Any) -> int:
    return prod(_dims(value))


def information(plan: Plan, shapes_known: bool) -> str:
    """The inspector's JSON about all layers.

    Args:
        plan: plan of the engine.
        shapes_known: whether the inspector has a context in which all inputs have their shape.
    """
    layers = fused(plan.model)
    if not plan.detailed:
        return json.dumps({"Layers": [layer.name for layer in layers], "Bindings": []})
    major = int(plan.version.split(".")[0])
    hidden = bool(plan.profile) and (major < 10 or not shapes_known)
    told = list(_told(layers, major, hidden))
    return json.dumps({"Layers": told, "Bindings": [v.name for v in plan.model.graph.input]})


def _told(layers: list[Layer], major: int, hidden: bool) -> Iterator[dict[str, Any]]:
    first = layers[0]
    copy = f"Reformatting CopyNode for Input Tensor 0 to {first.name}"
    yield {
        "Name": copy,
        "LayerType": "Reformat",
        "Inputs": [_tensor(first.reads, first.kind, major, hidden)],
        "Outputs": [_tensor(f"Reformatted {first.reads}", first.kind, major, hidden)],
        "Origin": "REFORMAT",
        "TacticValue": "0x0000000000000000",
    }
    for index, layer in enumerate(layers):
        reads = layer.reads if index else f"Reformatted {layer.reads}"
        told: dict[str, Any] = {
            "Name": layer.name,
            "LayerType": "CaskConvolution" if layer.weights else "kgen",
            "Inputs": [_tensor(reads, layer.kind, major, hidden)],
            "Outputs": [_tensor(layer.writes, layer.kind, major, hidden)],
        }
        if layer.weights:
            told["ParameterType"] = "Convolution"
            told["Weights"] = {"Type": layer.weights, "Count": layer.count}
            told["Bias"] = {"Type": "Float", "Count": 8}
        told["TacticName"] = TACTICS[layer.kind] if layer.weights else f"__myl_{index}"
        if major >= 10:
            names = "\x1f".join(f"[ONNX Layer: {node.name}]" for node in layer.nodes)
            told["Metadata"] = names
        yield told


def _tensor(name: str, kind: str, major: int, hidden: bool) -> dict[str, Any]:
    """A tensor of a layer; TensorRT 11 tells type and format apart."""
    told: dict[str, Any] = {"Name": name, "Dimensions": [-1 if hidden else 1]}
    layout = FORMATS.get(kind, kind)
    if major >= 11:
        return told | ({"Datatype": kind, "Format": layout} if not hidden else
                       {"Datatype": "N/A", "Format": HIDDEN})  # fmt: skip
    return told | {"Format/Datatype": HIDDEN if hidden else layout}
