"""Sums are quantised as TensorRT fuses them: the residual input, and not the convolution's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from maenas.budgets.backends.typed import typed_graph
from maenas.budgets.graph.quantise import quantised
from maenas.budgets.graph.residuals import place_residuals
from maenas.budgets.graph.writer import GraphWriter
from maenas.detector.export.decode import PREFIX
from maenas.detector.export.onnx import onnx_model
from maenas.detector.export.quantise import scales_of
from tests.lively import images, lively, published_spec, small_spec

SHAPE = (1, 8, 6, 6)


def block(shortcut: str = "", gate: bool = False, shared: bool = False) -> onnx.ModelProto:
    """Two convolutions and a sum with what came in; float, and not yet quantised.

    Args:
        shortcut: "conv" for a convolution on the shortcut.
        gate: whether a ReLU follows the second convolution, before the sum.
        shared: whether the second convolution is read by another node as well.
    """
    writer = GraphWriter()
    first = writer.node("Relu", "relu_1", [_conv(writer, "x", "conv_1")])
    second = _conv(writer, first, "conv_2")
    branch = writer.node("Relu", "gate", [second]) if gate else second
    residual = _conv(writer, "x", "conv_s") if shortcut else "x"
    total = writer.node("Add", "sum", [branch, residual])
    out = writer.node("Relu", "relu_2", [total], "y")
    outputs = [helper.make_tensor_value_info(out, TensorProto.FLOAT, SHAPE)]
    if shared:
        also = writer.node("Identity", "also", [second], "z")
        outputs.append(helper.make_tensor_value_info(also, TensorProto.FLOAT, SHAPE))
    graph = helper.make_graph(
        writer.nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
        outputs,
        list(writer.constants.values()),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=10)


def _conv(writer: GraphWriter, source: str, name: str) -> str:
    random = np.random.default_rng(sum(map(ord, name)))
    weight = random.normal(0, 0.1, (8, 8, 3, 3)).astype(np.float32)
    inputs = [source, writer.constant(f"{name}.weight", weight)]
    return writer.node("Conv", name, inputs, kernel_shape=[3, 3], pads=[1, 1, 1, 1])


def with_pair(model: onnx.ModelProto, name: str, reader: str) -> None:
    """Put a pair between a tensor and one of its readers, as a quantiser may."""
    forth = helper.make_node("QuantizeLinear", [name, "q_scale", "q_zero"], ["p_q"], "p_q")
    back = helper.make_node("DequantizeLinear", ["p_q", "q_scale", "q_zero"], ["p_dq"], "p_dq")
    nodes = list(model.graph.node)
    place = next(place for place, node in enumerate(nodes) if node.name == reader)
    nodes[place].input[:] = ["p_dq" if i == name else i for i in nodes[place].input]
    nodes[place:place] = [forth, back]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def asked(model: onnx.ModelProto) -> list[str]:
    """Place the pairs; returns the tensors that needed a scale."""
    names: list[str] = []

    def scales(missing: Sequence[str]) -> dict[str, float]:
        names.extend(missing)
        return dict.fromkeys(missing, 1 / 32)

    place_residuals(model, scales)
    onnx.checker.check_model(model, full_check=True)
    return names


def sources(model: onnx.ModelProto, name: str = "sum") -> list[str]:
    """The operators that the inputs of a sum come from."""
    made_by = {output: node for node in model.graph.node for output in node.output}
    node = next(node for node in model.graph.node if node.name == name)
    return [made_by[each].op_type if each in made_by else "input" for each in node.input]


def test_the_residual_is_read_quantised_by_the_pair_that_its_convolution_has() -> None:
    model = quantised(block())
    assert sources(model) == ["Conv", "input"]
    before = Counter(node.op_type for node in model.graph.node)
    assert asked(model) == []
    assert sources(model) == ["Conv", "DequantizeLinear"]
    assert Counter(node.op_type for node in model.graph.node) == before


def test_a_pair_between_convolution_and_sum_is_removed() -> None:
    model = quantised(block())
    with_pair(model, "conv_2", "sum")
    assert sources(model) == ["DequantizeLinear", "input"]
    assert asked(model) == []
    assert sources(model) == ["Conv", "DequantizeLinear"]
    assert "p_q" not in [node.name for node in model.graph.node]


def test_of_two_convolutions_the_later_one_keeps_the_sum() -> None:
    model = quantised(block("conv"))
    with_pair(model, "conv_2", "sum")
    assert asked(model) == []
    assert sources(model) == ["DequantizeLinear", "Conv"]  # the shortcut's is computed last


@pytest.mark.parametrize("option", ["gate", "shared"])
def test_a_sum_that_cannot_be_fused_reads_both_inputs_quantised(option: str) -> None:
    model = quantised(block(**{option: True}))  # type: ignore[arg-type]
    assert asked(model) == ["gate" if option == "gate" else "conv_2"]
    assert sources(model) == ["DequantizeLinear", "DequantizeLinear"]


def test_sums_of_the_decoding_stay_as_they_are() -> None:
    model = quantised(block())
    place_residuals(model, lambda names: {}, "sum")
    assert sources(model) == ["Conv", "input"]


def test_numbers_change_by_no_more_than_the_rounding_of_the_residual() -> None:
    model = quantised(block())
    image = np.random.default_rng(0).random(SHAPE, np.float32)
    before = run(model, image)
    asked(model)
    assert np.abs(run(model, image) - before).max() <= 0.5 / 32 + 1e-5
    assert np.abs(run(model, image) - before).max() > 0


def run(model: onnx.ModelProto, image: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return np.asarray(session.run(["y"], {"x": image})[0])


@pytest.mark.parametrize("name", ["s", "ns"])
def test_in_the_graphs_timed_in_int8_every_sum_is_placed(name: str) -> None:
    spec = published_spec(name)
    model = typed_graph(onnx_model(spec, spec.build(), batch=1), "int8").model
    sums = [n.name for n in model.graph.node if n.op_type == "Add" and PREFIX not in n.name]
    placed = Counter(tuple(sorted(sources(model, each))) for each in sums)
    assert set(placed) <= {("Conv", "DequantizeLinear"), ("DequantizeLinear", "DequantizeLinear")}
    assert placed["Conv", "DequantizeLinear"] == {"s": 8, "ns": 14}[name]
    inputs = {name for node in model.graph.node if node.op_type == "Conv" for name in node.input}
    scales = [c for c in model.graph.initializer if c.name.endswith("_residual_scale")]
    assert not inputs.intersection(c.name for c in scales)


def test_scales_are_the_largest_absolute_value_over_the_images() -> None:
    spec = small_spec()
    model = onnx_model(spec, lively(spec))
    name = next(node.output[0] for node in model.graph.node if node.op_type == "Add")
    both, first, second = (
        scales_of(model, [name], calibration)[name]
        for calibration in (
            [images(spec, 1, 0), images(spec, 1, 1)],
            [images(spec, 1, 0)],
            [images(spec, 1, 1)],
        )
    )
    assert both == max(first, second)
    assert 0 < both < 1


def test_a_tensor_that_is_zero_everywhere_has_a_scale_that_16_bits_hold() -> None:
    writer = GraphWriter()
    writer.node("Relu", "out", ["images"])
    value = helper.make_tensor_value_info("images", TensorProto.FLOAT, SHAPE)
    graph = helper.make_graph(writer.nodes, "g", [value], [])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=10)
    scale = scales_of(model, ["out"], [np.zeros(SHAPE, np.float32)])["out"]
    assert numpy_helper.to_array(numpy_helper.from_array(np.float16(scale))) > 0
