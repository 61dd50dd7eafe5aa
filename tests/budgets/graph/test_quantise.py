"""Graphs for timing INT8: convolutions and matrix products read 8 bits, and little changes else."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from maenas.budgets.graph import static_graph
from maenas.budgets.graph.quantise import is_quantised, quantised
from maenas.detector.export.onnx import onnx_model
from tests.graphs import kernels, made, vector
from tests.lively import images, lively, small_spec

SPEC = small_spec()
MODEL = static_graph(onnx_model(SPEC, lively(SPEC), batch=1))


def test_convolutions_read_8_bit_maps_and_weights_and_nothing_else_does() -> None:
    model = quantised(MODEL)
    onnx.checker.check_model(model, full_check=True)
    made_by = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        sources = [made_by[name].op_type for name in node.input if name in made_by]
        if node.op_type == "Conv":
            assert sources == ["DequantizeLinear", "DequantizeLinear"], node.name
        elif node.op_type != "DequantizeLinear":
            assert "DequantizeLinear" not in sources, node.name
    assert is_quantised(model)
    assert not is_quantised(MODEL)


FEATURES = {"x": (1, 4, 8, 8)}
ROWS = {"x": (1, 8, 16)}


@pytest.mark.parametrize(
    ("line", "inputs", "weights", "attributes", "narrow"),
    [
        ("y = ConvTranspose x w", FEATURES, {"w": kernels(4, 6, 2, 2)}, {"strides": (2, 2)}, True),
        ("y = Conv x w", {"x": (1, 4, 9)}, {"w": kernels(6, 4, 3)}, {}, True),
        ("y = MatMul x w", ROWS, {"w": kernels(16, 8).reshape(16, 8)}, {}, True),
        ("y = MatMul w x", ROWS, {"w": kernels(4, 8).reshape(4, 8)}, {}, True),
        ("y = MatMul x z", {**ROWS, "z": (1, 16, 4)}, {}, {}, True),
        ("y = Gemm x w b", {"x": (8, 16)}, {"w": kernels(4, 16).reshape(4, 16), "b": vector(4)},
         {"transB": 1}, True),
        ("y = Conv x z", {**FEATURES, "z": (1, 4, 3, 3)}, {}, {}, False),  # weights are computed
        ("c = Cast x; m = MatMul c n; y = Cast m", ROWS, {"n": np.ones((16, 4), np.int64)},
         {"to": TensorProto.FLOAT}, False),
    ],
    ids=["transposed", "row", "product", "weights first", "two features", "gemm",
         "computed weights", "integers"],
)  # fmt: skip
def test_what_a_runtime_computes_in_8_bits_reads_them(
    line, inputs, weights, attributes, narrow
) -> None:
    of_nodes = {"y": attributes, "c": {"to": TensorProto.INT64}}
    model = quantised(static_graph(made(line.split("; "), inputs, weights, (), of_nodes)))
    onnx.checker.check_model(model, full_check=True)
    assert is_quantised(model) == narrow
    made_by = {name: node for node in model.graph.node for name in node.output}
    sources = [made_by[name].op_type for name in model.graph.node[-1].input if name in made_by]
    assert sources.count("DequantizeLinear") == 2 * narrow
    session = onnxruntime.InferenceSession(model.SerializeToString())
    features = {name: np.ones(shape, np.float32) for name, shape in inputs.items()}
    assert session.run(None, features)[0].size


def test_a_map_read_twice_is_quantised_once() -> None:
    steps = [node for node in quantised(MODEL).graph.node if node.op_type == "QuantizeLinear"]
    assert len({node.input[0] for node in steps}) == len(steps)


def test_weights_keep_their_values_to_within_half_a_step() -> None:
    constants = {one.name: numpy_helper.to_array(one) for one in quantised(MODEL).graph.initializer}
    for one in MODEL.graph.initializer:
        if f"{one.name}_q" in constants:
            value, steps = numpy_helper.to_array(one), constants[f"{one.name}_q"]
            scale = constants[f"{one.name}_scale"].reshape(-1, 1, 1, 1)
            assert np.all(np.abs(steps * scale - value) <= scale / 2 + 1e-7), one.name


def test_a_runtime_runs_it_and_the_model_is_left_alone() -> None:
    before = MODEL.SerializeToString()
    session = onnxruntime.InferenceSession(quantised(MODEL).SerializeToString())
    scores, boxes = session.run(None, {"images": images(SPEC, 1)})
    assert np.isfinite(scores).all()
    assert np.isfinite(boxes).all()
    assert MODEL.SerializeToString() == before


def test_scales_of_dead_channels_do_not_vanish_in_half() -> None:
    weight = np.zeros((2, 1, 1, 1), np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], "conv")],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 1, 4, 4))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weight, "w")],
    )
    model = quantised(static_graph(helper.make_model(graph)))
    [scale] = [numpy_helper.to_array(c) for c in model.graph.initializer if c.name == "w_scale"]
    assert np.all(scale.astype(np.float16) > np.finfo(np.float16).tiny)
