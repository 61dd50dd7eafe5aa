"""Graphs are typed for runtimes that take precision from them, and say what to expect of it."""

from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto, helper

from maenas.budgets.backends.backend import BackendError
from maenas.budgets.backends.typed import typed_graph
from maenas.budgets.graph import static_graph
from maenas.budgets.graph.operator_graph import reference_graph
from maenas.budgets.graph.quantise import is_quantised
from maenas.detector.export.onnx import onnx_model
from tests.lively import lively, small_spec


def one_node(
    kind: str, name: str, opset: int = 19, inputs: int = 1, **attributes: object
) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node(kind, ["x"] * inputs, ["y"], name, **attributes)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 4, 8, 8))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    opsets = [helper.make_opsetid("", opset)]
    return static_graph(helper.make_model(graph, opset_imports=opsets, ir_version=10))


def types_of(model: onnx.ModelProto) -> set[int]:
    values = (*model.graph.input, *model.graph.output)
    return {value.type.tensor_type.elem_type for value in values}


def test_inputs_and_outputs_are_as_wide_as_the_network() -> None:
    half = typed_graph(reference_graph(), "f16")
    assert types_of(half.model) == {TensorProto.FLOAT16}
    assert half.precision == "f16"
    assert len(half.heavy) == 4  # convolutions of the reference
    whole = typed_graph(reference_graph(), "f32")
    assert types_of(whole.model) == {TensorProto.FLOAT}
    assert whole.precision == "f32"


def test_our_decoding_stays_wide_and_is_no_heavy_work() -> None:
    spec = small_spec()
    model = static_graph(onnx_model(spec, lively(spec), batch=1))
    half = typed_graph(model, "f16")
    outputs = {value.type.tensor_type.elem_type for value in half.model.graph.output}
    assert outputs == {TensorProto.FLOAT}
    assert half.heavy
    assert not any(name.startswith("decode/") for name in half.heavy)
    alone = one_node("Sigmoid", "decode/flat_distances_0")
    assert typed_graph(alone, "f16").precision == "f32"
    foreign = one_node("Sigmoid", "decode/of another program")
    assert typed_graph(foreign, "f16").precision == "f16"


def test_int8_is_expected_of_convolutions_alone() -> None:
    assert typed_graph(reference_graph(), "int8").precision == "int8"
    assert typed_graph(one_node("Relu", "relu"), "int8").precision == "f16"


def test_old_graphs_are_brought_to_the_opset_whose_scales_may_be_half() -> None:
    model = reference_graph()
    model.opset_import[0].version = 13
    typed = typed_graph(model, "int8")
    assert typed.model.opset_import[0].version >= 19
    assert is_quantised(typed.model)


def test_what_cannot_be_typed_is_refused() -> None:
    with pytest.raises(BackendError, match="cannot type the model in f16"):
        typed_graph(one_node("BitShift", "shift", inputs=2, direction="LEFT"), "f16")
