"""A graph that no runtime could run is refused, and says where it contradicts itself."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from maenas.budgets.graph import GraphError, static_graph
from maenas.budgets.graph.nodes import shapes_of
from tests.graphs import kernels, made

W = {"w": kernels(8, 8)}
HALF = {"kernel_shape": [2, 2], "strides": [2, 2]}


@pytest.mark.parametrize(
    ("lines", "weights", "attributes", "words"),
    [
        (["y = Conv x w"], {"w": kernels(8, 16)}, {}, "Conv y reads 8 channels, its weight is for"),
        (["y = Conv x w"], W, {"y": {"kernel_shape": [3, 3]}}, "declares a kernel of 3x3, .* 1x1"),
        (["y = Conv x w"], W, {"y": {"group": 0}}, "Conv y splits its channels into 0 groups"),
        (["y = Conv x w"], W, {"y": {"group": -1}}, "Conv y splits its channels into -1 groups"),
        (["y = Conv x"], {}, {}, "Conv y has 1 inputs, not 2 to 3"),
        (["y = Relu x x"], {}, {}, "Relu y has 2 inputs, not 1;"),
        (["y = Concat"], {}, {}, "Concat y has 0 inputs, not 1 or more"),
        (["y,z = Conv x w"], W, {}, "Conv y has 2 outputs, not 1;"),
        (["y = Conv x w b"], {**W, "b": np.zeros(5)}, {}, "writes 8 channels, its bias is for 5"),
        (["y = Conv x w"], {"w": kernels(8, 8, 33, 33)}, {}, "cannot join 1x8x16x16 and 8x8x33x33"),
        (["y = ConvTranspose x w"], {"w": kernels(6, 8)}, {}, "reads 8 channels, .* for 6"),
        (["y = Reshape x s"], {"s": np.array([1, 7, 16, 16])}, {}, "makes 1x7x16x16 of 1x8x16x16"),
        (["c = Conv x w", "d = Conv x v", "y = Add c d"], {**W, "v": kernels(6, 8)}, {},
         "Add y cannot join 1x8x16x16 and 1x6x16x16"),
        (["m = MaxPool x", "y = Concat x m"], {}, {"m": HALF, "y": {"axis": 1}},
         "Concat y cannot join 1x8x16x16 and 1x8x8x8"),
        (["y = MatMul x v"], {"v": np.zeros((5, 3), np.float32)}, {}, "MatMul y cannot join"),
        (["y = Relu z"], {}, {}, "Relu y reads z, which no earlier"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(lines, weights, attributes, words) -> None:
    model = made(lines, weights=weights, attributes=attributes)
    with pytest.raises(GraphError, match=f"model: is inconsistent: .*{words}"):
        static_graph(model)


@pytest.mark.parametrize("kind", [TensorProto.STRING, TensorProto.COMPLEX64])
def test_an_input_that_is_no_number_is_refused(kind: int) -> None:
    model = made(["y = Identity x"])
    model.graph.input[0].type.tensor_type.elem_type = kind
    with pytest.raises(GraphError, match="input x is text or complex, not real numbers"):
        static_graph(model)


def test_an_early_file_need_not_list_its_weights_as_inputs() -> None:
    model = made(["y = Conv x w"], weights=W)
    model.ir_version = 3
    assert shapes_of(static_graph(model).graph)["y"] == (1, 8, 16, 16)


def test_an_output_that_nothing_makes_is_refused() -> None:
    with pytest.raises(GraphError, match="its output nope is written by no operator"):
        static_graph(made(["y = Conv x w"], weights=W, outputs=["nope"]))


def test_a_constant_of_another_size_is_refused() -> None:
    model = made(["y = Conv x w"], weights=W)
    model.graph.initializer[0].dims[0] = 16
    with pytest.raises(GraphError, match="constant w is declared as 16x8x1x1, which it is not"):
        static_graph(model)


def test_what_fits_is_left_alone() -> None:
    lines = ["c = Conv x w", "d = Add c b", "e = Reshape d s", "y = Transpose e"]
    weights = {**W, "b": np.zeros((1, 8, 1, 1), np.float32), "s": np.array([0, 8, -1])}
    static_graph(made(lines, weights=weights))
