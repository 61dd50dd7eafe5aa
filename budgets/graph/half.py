"""Conversion of an ONNX graph to 16-bit floats: TensorRT 11 reads the precision from the graph."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16
# Inputs that stay in 32 bits, by operator: region and scales of a Resize.
IN_FLOAT = {"Resize": (1, 2), "Upsample": (1,)}
FLOAT_OPERATORS = ("NonMaxSuppression",)  # operators without float16 support
LARGEST = float(np.finfo(np.float16).max)


def to_half(
    model: onnx.ModelProto, float_prefix: str | None = None, float_io: bool = True
) -> onnx.ModelProto:
    """Return a copy in float16, except for the nodes whose names start with `float_prefix`.

    Box coordinates reach 640 and more, where float16 has a resolution of 0.5, and scores need more
    than its 11 bits. maenas's exports therefore cast logits to float32 and decode in float32.
    Quantised operators stay quantised, with float16 scales. Constants outside the range of float16
    are clipped to it.

    Args:
        model: model with all floats in 32 bits.
        float_prefix: name prefix of nodes that stay in 32 bits; no node if None.
        float_io: whether inputs and outputs stay in 32 bits, with casts at both ends. Otherwise
            they have the type of the nodes that read or make them.
    """
    half = onnx.ModelProto()
    half.CopyFrom(model)
    _Halving(half.graph, float_prefix).convert(float_io)
    onnx.checker.check_model(half, full_check=True)
    return half


class _Halving:
    """Conversion of one graph: the tensors that become float16, and casts to and from float32."""

    def __init__(self, graph: onnx.GraphProto, prefix: str | None) -> None:
        self.graph = graph
        self.prefix = prefix or ""  # casts to 32 bits have this prefix too
        _lift_constants(graph)
        stays = _float_sources(graph)
        self.body: list[onnx.NodeProto] = []
        self.rest: list[onnx.NodeProto] = []
        for node in graph.node:
            prefixed = prefix is not None and node.name.startswith(prefix)
            wide = prefixed or node.op_type in FLOAT_OPERATORS or not stays.isdisjoint(node.output)
            (self.rest if wide else self.body).append(node)
        self.made = {name for node in self.body for name in node.output if name}
        self.read_by_rest = {name for node in self.rest for name in node.input}

    def convert(self, float_io: bool) -> None:
        graph = self.graph
        types = _types(graph)
        self._narrow_constants()
        for node in self.body:
            _narrow_attributes(node)
        floats = {name for name, kind in types.items() if kind == FLOAT}
        casts = self._halve_inputs(floats, float_io)
        wide = {name for name in self.made & self.read_by_rest if name in floats}
        back = [_cast(name, f"{name}_f32", FLOAT, self.prefix) for name in sorted(wide)]
        for node in self.rest:
            _rename(node, {name: f"{name}_f32" for name in wide})
        made_by_body = [v for v in graph.output if v.name in self.made & floats]
        if float_io:
            inner = {value.name: f"{value.name}_f16" for value in made_by_body}
            for node in (*self.body, *back):
                _rename(node, inner)
                node.output[:] = [inner.get(name, name) for name in node.output]
            back += [_cast(inside, name, FLOAT, self.prefix) for name, inside in inner.items()]
        else:
            for value in made_by_body:
                value.type.tensor_type.elem_type = HALF
        ordered = in_order([*casts, *self.body, *back, *self.rest])
        del graph.node[:], graph.value_info[:]
        graph.node.extend(ordered)

    def _narrow_constants(self) -> None:
        """Convert constants of the body to float16; keep a float32 copy where the rest reads it."""
        graph = self.graph
        constants = {constant.name: constant for constant in graph.initializer}
        listed = {value.name: value for value in graph.input}  # old files list weights as inputs
        narrow: dict[str, str] = {}
        stays: set[str] = set(self.read_by_rest)
        for node in self.body:
            for index in IN_FLOAT.get(node.op_type, ()):
                stays.update(node.input[index : index + 1])
        for node in self.body:
            for index, name in enumerate(node.input):
                constant = constants.get(name)
                if constant is None or constant.data_type != FLOAT:
                    continue
                if index in IN_FLOAT.get(node.op_type, ()):
                    continue
                if name not in narrow:
                    narrow[name] = f"{name}_f16" if name in stays else name
                    if name in stays:
                        graph.initializer.append(_narrowed(constant, narrow[name]))
                    else:
                        constant.CopyFrom(_narrowed(constant, name))
                        if name in listed:
                            listed[name].type.tensor_type.elem_type = HALF
                node.input[index] = narrow[name]

    def _halve_inputs(self, floats: set[str], float_io: bool) -> list[onnx.NodeProto]:
        """Return casts of float32 inputs to float16, or retype the inputs that the body reads."""
        weights = {constant.name for constant in self.graph.initializer}
        casts: list[onnx.NodeProto] = []
        for value in self.graph.input:
            name = value.name
            if name in weights or name not in floats:
                continue
            if float_io:
                if any(name in node.input for node in self.body):
                    casts.append(_cast(name, f"{name}_f16", HALF))
                for node in self.body:
                    _rename(node, {name: f"{name}_f16"})
            elif any(name in node.input for node in self.body):
                value.type.tensor_type.elem_type = HALF
                self.made.add(name)
        return casts


def _types(graph: onnx.GraphProto) -> dict[str, int]:
    """Return the element type of every tensor; a tensor without a known type counts as float."""
    types: dict[str, int] = {name: FLOAT for node in graph.node for name in node.output if name}
    for value in (*graph.value_info, *graph.input, *graph.output):
        if value.type.tensor_type.elem_type:
            types[value.name] = value.type.tensor_type.elem_type
    return types


def _narrowed(constant: onnx.TensorProto, name: str) -> onnx.TensorProto:
    value = np.clip(numpy_helper.to_array(constant), -LARGEST, LARGEST)
    return numpy_helper.from_array(value.astype(np.float16), name)


def _lift_constants(graph: onnx.GraphProto) -> None:
    """Turn Constant nodes into initialisers, so that there is one kind of constant."""
    kept = []
    for node in graph.node:
        value = node.attribute[0] if node.op_type == "Constant" else None
        if value is not None and value.name == "value":
            value.t.name = node.output[0]
            graph.initializer.append(value.t)
        elif value is not None and value.name in ("value_float", "value_floats"):
            numbers = np.array(helper.get_attribute_value(value), np.float32)
            graph.initializer.append(numpy_helper.from_array(numbers, node.output[0]))
        else:
            kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)


def _float_sources(graph: onnx.GraphProto) -> set[str]:
    """Return the tensors from which inputs that must be float32 are computed, back to shapes."""
    made_by = {name: node for node in graph.node for name in node.output}
    waiting = [
        name
        for node in graph.node
        for index in IN_FLOAT.get(node.op_type, ())
        for name in node.input[index : index + 1]
    ]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in made_by and name not in found and made_by[name].op_type != "Shape":
            found.add(name)
            waiting += made_by[name].input
    return found


def _narrow_attributes(node: onnx.NodeProto) -> None:
    """Convert types and values in the attributes of a node: Cast, ConstantOfShape and so on."""
    for attribute in node.attribute:
        if attribute.name in ("to", "dtype") and attribute.i == FLOAT:
            attribute.i = HALF
        elif attribute.name == "value" and attribute.t.data_type == FLOAT:
            attribute.t.CopyFrom(_narrowed(attribute.t, attribute.t.name))


def _cast(source: str, target: str, kind: int, prefix: str = "") -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [target], f"{prefix}cast/{target}", to=kind)


def _rename(node: onnx.NodeProto, names: dict[str, str]) -> None:
    node.input[:] = [names.get(name, name) for name in node.input]


def in_order(nodes: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """Return the nodes in topological order."""
    made = {name for node in nodes for name in node.output if name}
    done: set[str] = set()
    ordered: list[onnx.NodeProto] = []
    waiting = nodes
    while waiting:
        later = []
        for node in waiting:
            if all(name in done or name not in made for name in node.input):
                ordered.append(node)
                done.update(node.output)
            else:
                later.append(node)
        assert len(later) < len(waiting), "the graph has a cycle"
        waiting = later
    return ordered
