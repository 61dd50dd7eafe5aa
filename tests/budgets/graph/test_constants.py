"""Constants are folded wherever exporters hide them, and nothing else is."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from maenas.budgets.graph import static_graph
from maenas.budgets.graph.constants import fold_constants, opset_of, widened
from maenas.budgets.graph.half import to_half
from tests.graphs import kernels, made


def constants_of(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}


def test_a_chain_of_constants_becomes_one_initialiser() -> None:
    weights = {"w0": np.arange(6, dtype=np.float32).reshape(2, 3), "s": np.float32(2)}
    lines = ["w1 = Identity w0", "w2 = Transpose w1", "w = Mul w2 s", "y = MatMul x w"]
    folded = fold_constants(made(lines, {"x": (1, 3)}, weights))
    assert [node.op_type for node in folded.graph.node] == ["MatMul"]
    assert np.array_equal(constants_of(folded)["w"], 2 * weights["w0"].T)


def test_quantising_operators_custom_ones_and_what_reads_the_image_stay() -> None:
    weights = {"w": np.ones((8, 8, 1, 1), np.int8), "s": np.float32(0.1), "z": np.int8(0)}
    lines = ["d = DequantizeLinear w s z", "c = Custom s", "i = Identity x", "y = Conv i d"]
    model = made(lines, weights=weights, domain="mine")
    before = model.SerializeToString()
    kept = [node.op_type for node in fold_constants(model).graph.node]
    assert kept == ["DequantizeLinear", "Custom", "Identity", "Conv"]
    assert model.SerializeToString() == before


def test_a_constant_of_enormous_size_is_not_computed() -> None:
    shape = np.array([1 << 20, 1 << 20], np.int64)
    model = made(["c = ConstantOfShape s", "y = Shape c"], weights={"s": shape})
    assert next(node.op_type for node in fold_constants(model).graph.node) == "ConstantOfShape"


def test_widening_undoes_halving() -> None:
    lines = ["a = Conv x w", "y = Cast a"]
    model = made(lines, weights={"w": kernels(8, 8)}, attributes={"y": {"to": TensorProto.FLOAT}})
    half = to_half(static_graph(model), float_io=False)
    wide = static_graph(widened(half))
    onnx.checker.check_model(wide, full_check=True)
    values = (*wide.graph.input, *wide.graph.output)
    assert {value.type.tensor_type.elem_type for value in values} == {TensorProto.FLOAT}
    assert all(value.dtype == np.float32 for value in constants_of(wide).values())


def test_the_opset_is_that_of_the_standard_operators() -> None:
    assert opset_of(made(["y = Custom x"], domain="mine")) == 19
