"""A graph typed in 16 bits computes the same, but for rounding, and what must stays wide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from maenas.budgets.graph import static_graph
from maenas.budgets.graph.half import to_half
from maenas.detector.export.onnx import onnx_model
from tests.lively import images, lively, small_spec

F32, F16 = TensorProto.FLOAT, TensorProto.FLOAT16


def graph_of(
    nodes: Sequence[onnx.NodeProto], outputs: Sequence[str], **constants: NDArray[Any]
) -> onnx.ModelProto:
    """Static, with the input x (1, 4, 6, 6)."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", F32, (1, 4, 6, 6))],
        [helper.make_tensor_value_info(name, F32, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 19)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return onnx.shape_inference.infer_shapes(model, data_prop=True)  # nothing folded


def run(model: onnx.ModelProto, x: NDArray[Any]) -> list[NDArray[Any]]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    [told] = session.get_inputs()
    kind = np.float16 if told.type == "tensor(float16)" else np.float32
    return list(session.run(None, {told.name: x.astype(kind)}))


def types(model: onnx.ModelProto) -> dict[str, int]:
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = (*graph.value_info, *graph.input, *graph.output)
    return {value.name: value.type.tensor_type.elem_type for value in values}


X = np.random.default_rng(0).random((1, 4, 6, 6), np.float32)
NODE = helper.make_node


@pytest.mark.parametrize("float_io", [True, False])
def test_a_detector_in_half_finds_what_it_finds(float_io: bool) -> None:
    spec = small_spec()
    model = static_graph(onnx_model(spec, lively(spec), batch=1))
    half = to_half(model, "decode/", float_io)
    seen = images(spec, 1)
    wanted, found = run(model, seen), run(half, seen)
    for a, b in zip(wanted, found, strict=True):
        assert a.dtype == b.dtype == np.float32
        assert 0 < np.abs(a - b).mean() < 1e-2 * np.abs(a).mean()
    wide = {name for name, kind in types(half).items() if kind == F32}
    made = {name for node in half.graph.node for name in node.output
            if node.name.startswith("decode/")}  # fmt: skip
    assert wide - {"images"} <= made
    assert types(half)["images"] == (F32 if float_io else F16)


def test_without_a_prefix_everything_is_half_but_inputs_and_outputs() -> None:
    nodes = [NODE("Relu", ["x"], ["r"], "r"), NODE("Add", ["r", "c"], ["y"], "y"),
             NODE("Mul", ["y", "r"], ["z"], "z")]  # fmt: skip
    model = graph_of(nodes, ["y", "z"], c=np.float32([0.5]))
    whole, inner = to_half(model), to_half(model, float_io=False)
    assert {types(whole)[name] for name in "xyz"} == {F32}
    assert {types(inner)[name] for name in "xyz"} == {F16} == {types(inner)["r"]}
    assert [node.op_type for node in inner.graph.node] == ["Relu", "Add", "Mul"]
    for a, b in zip(run(model, X), run(whole, X), strict=True):
        assert np.allclose(a, b, atol=2e-3)


def test_a_constant_read_by_both_is_kept_in_both_widths() -> None:
    nodes = [NODE("Mul", ["x", "c"], ["y"], "y"), NODE("Mul", ["y", "c"], ["z"], "late/z")]
    model = graph_of(nodes, ["z"], c=np.float32([1 / 3]))
    half = to_half(model, "late/")
    kept = {one.name: one.data_type for one in half.graph.initializer}
    assert kept == {"c": F32, "c_f16": F16}
    assert np.allclose(run(model, X)[0], run(half, X)[0], atol=1e-3)


def test_scales_of_a_resize_stay_wide_wherever_they_come_from() -> None:
    scales = numpy_helper.from_array(np.float32([1, 1, 2, 2]))
    nodes = [NODE("Constant", [], ["scales"], "scales", value=scales),
             NODE("Resize", ["x", "", "scales"], ["y"], "y", mode="nearest"),
             NODE("Shape", ["y"], ["s"], "s"), NODE("Cast", ["s"], ["f"], "f", to=F32),
             NODE("Div", ["f", "d"], ["half_scales"], "div"),
             NODE("Resize", ["y", "", "half_scales"], ["z"], "z", mode="nearest")]  # fmt: skip
    model = graph_of(nodes, ["z"], d=np.float32([1, 4, 12, 12]))
    half = to_half(model)
    assert run(half, X)[0].shape == (1, 4, 12, 12)
    assert types(half)["half_scales"] == F32


def test_numbers_beyond_float16_become_its_largest() -> None:
    nodes = [NODE("Min", ["x", "c"], ["y"], "y")]
    half = to_half(graph_of(nodes, ["y"], c=np.float32([1e9])))
    [constant] = half.graph.initializer
    assert numpy_helper.to_array(constant) == 65504


def test_casts_and_filled_tensors_inside_are_half_as_well() -> None:
    value = numpy_helper.from_array(np.float32([2]))
    nodes = [NODE("ConstantOfShape", ["n"], ["two"], "two", value=value),
             NODE("Cast", ["i"], ["f"], "f", to=F32),
             NODE("Mul", ["x", "two"], ["d"], "d"),
             NODE("Add", ["d", "f"], ["y"], "y")]  # fmt: skip
    model = graph_of(nodes, ["y"], n=np.array([1]), i=np.array([3], np.int32))
    assert np.allclose(run(to_half(model), X)[0], 2 * X + 3, atol=5e-3)


def test_the_model_itself_is_left_alone() -> None:
    model = graph_of([NODE("Mul", ["x", "c"], ["y"], "y")], ["y"], c=np.float32([0.5]))
    before = model.SerializeToString()
    to_half(model)
    assert model.SerializeToString() == before
