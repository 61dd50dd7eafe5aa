"""Torch runs ONNX graphs as ONNX Runtime does: whole detectors, and operator by operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from maenas.budgets.backends.backend import BackendError
from maenas.budgets.backends.torch_onnx.graph import TorchGraph
from maenas.budgets.backends.torch_onnx.operators import OPERATORS
from maenas.budgets.backends.typed import typed_graph
from maenas.budgets.graph import kinds, static_graph
from maenas.budgets.graph.quantise import quantised
from maenas.detector.export.onnx import onnx_model
from tests.lively import images, lively, small_spec

SPECS = {
    "focus": small_spec(),
    "one convolution a node": small_spec(fusion="conv"),
    "silu": small_spec(act="silu", extra_upsampling=True),
    "depthwise": small_spec(act="silu", depthwise=True),
}
RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((1, 4, 7, 9), np.float32)
EVEN = RANDOM.standard_normal((1, 8, 6, 8), np.float32)


def weight(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).standard_normal(shape, np.float32)


def ints(*values: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)


def one(
    kind: str,
    x: NDArray[Any],
    *more: NDArray[Any] | None,
    opset: int = 19,
    outputs: int = 1,
    **attributes: Any,
) -> onnx.ModelProto:
    """A graph of one node, what comes after its first input constant."""
    names = ["x", *("" if value is None else f"c{i}" for i, value in enumerate(more))]
    made = [f"y{index}" for index in range(outputs)]
    node = helper.make_node(kind, names, made, "the node", **attributes)
    constants = [numpy_helper.from_array(v, f"c{i}") for i, v in enumerate(more) if v is not None]
    return model_of([node], x, made, constants, opset)


def model_of(
    nodes: Sequence[onnx.NodeProto],
    x: NDArray[Any],
    outputs: Sequence[str],
    constants: Sequence[onnx.TensorProto] = (),
    opset: int = 19,
) -> onnx.ModelProto:
    kind = helper.np_dtype_to_tensor_dtype(x.dtype)
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, x.shape)],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        constants,
    )
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    model = onnx.shape_inference.infer_shapes(model, data_prop=True)  # nothing folded
    typed = {value.name: value for value in model.graph.output}
    for name in outputs:
        assert typed[name].type.tensor_type.elem_type, f"{name} has no type"
    return model


def compare(model: onnx.ModelProto, x: NDArray[Any], tolerance: float = 1e-5) -> None:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    wanted = session.run(None, {session.get_inputs()[0].name: x})
    found = TorchGraph(model)(torch.from_numpy(x))
    assert len(found) == len(wanted)
    for a, b in zip(wanted, found, strict=True):
        assert b.numpy().dtype == a.dtype
        assert tuple(b.shape) == a.shape
        assert np.allclose(a, b.numpy(), atol=tolerance * max(1.0, float(np.abs(a).max()))), np.abs(
            a - b.numpy()
        ).max()


@pytest.mark.parametrize("name", SPECS)
def test_a_detector_in_torch_finds_what_onnx_runtime_finds(name: str) -> None:
    spec = SPECS[name]
    model = static_graph(onnx_model(spec, lively(spec), batch=1))
    compare(model, images(spec, 1))


def test_a_detector_of_16_bit_floats_is_computed_in_them() -> None:
    spec = SPECS["focus"]
    model = static_graph(onnx_model(spec, lively(spec), batch=1))
    half = typed_graph(model, "f16")
    graph = TorchGraph(half.model)
    assert graph.inputs["images"].dtype == torch.float16
    assert half.precision == "f16"
    seen = torch.from_numpy(images(spec, 1))
    wanted, found = TorchGraph(model)(seen), graph(seen.half())
    for a, b in zip(wanted, found, strict=True):
        assert a.dtype == b.dtype == torch.float32
        assert 0 < (a - b).abs().mean() < 1e-2 * a.abs().mean()


def test_a_quantised_graph_is_computed_as_marked() -> None:
    spec = SPECS["focus"]
    model = quantised(static_graph(onnx_model(spec, lively(spec), batch=1)))
    compare(model, images(spec, 1), tolerance=0.05)  # rounding differs where it is a tie


P5 = ints(0, 0, 1, 2, 0, 0, 2, 1)
CASES: dict[str, tuple[onnx.ModelProto, NDArray[Any]]] = {
    name: (one(kind, x, *more, **attributes), x)
    for name, kind, x, more, attributes in [
        ("conv", "Conv", X, (weight(6, 2, 3, 3), weight(6)), dict(group=2, pads=[1] * 4)),
        ("conv uneven", "Conv", X, (weight(6, 4, 3, 2),), dict(pads=[0, 1, 2, 0], strides=[2, 1])),
        ("conv dilated", "Conv", X, (weight(6, 4, 3, 3),), dict(dilations=[2, 2])),
        ("conv same", "Conv", X, (weight(6, 4, 4, 4),),
         dict(auto_pad="SAME_UPPER", strides=[2, 2])),
        ("conv same lower", "Conv", X, (weight(6, 4, 2, 2),), dict(auto_pad="SAME_LOWER")),
        ("conv 1d", "Conv", X[:, :, 0], (weight(6, 4, 3),), {}),
        ("deconv", "ConvTranspose", X, (weight(4, 3, 4, 4), weight(3)),
         dict(strides=[2, 2], pads=[1] * 4, output_padding=[1, 1])),
        ("norm", "BatchNormalization", X,
         (weight(4), weight(4), weight(4), np.abs(weight(4))), dict(epsilon=1e-3)),
        ("max pool", "MaxPool", X, (), dict(kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2])),
        ("max pool uneven", "MaxPool", X, (), dict(kernel_shape=[2, 2], pads=[0, 0, 1, 1])),
        ("max pool ceil", "MaxPool", X, (), dict(kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)),
        ("average pool", "AveragePool", X, (), dict(kernel_shape=[3, 3], pads=[1] * 4)),
        ("average pool padded", "AveragePool", X, (),
         dict(kernel_shape=[3, 3], pads=[0, 1, 1, 1], count_include_pad=1)),
        ("global average", "GlobalAveragePool", X, (), {}),
        ("global max", "GlobalMaxPool", X, (), {}),
        ("space to depth", "SpaceToDepth", EVEN, (), dict(blocksize=2)),
        ("depth to space", "DepthToSpace", EVEN, (), dict(blocksize=2)),
        ("depth to space crd", "DepthToSpace", EVEN, (), dict(blocksize=2, mode="CRD")),
        ("resize", "Resize", X, (None, np.float32([1, 1, 2, 2])), dict(mode="nearest")),
        ("resize floor", "Resize", X, (None, np.float32([1, 1, 3, 2])),
         dict(mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")),
        ("resize to sizes", "Resize", X, (None, None, ints(1, 4, 14, 27)), dict(mode="nearest")),
        ("resize down", "Resize", EVEN, (None, np.float32([1, 1, .5, .5])),
         dict(mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")),
        ("resize linear", "Resize", X, (None, np.float32([1, 1, 2, 2])), dict(mode="linear")),
        ("resize corners", "Resize", X, (None, None, ints(1, 4, 11, 20)),
         dict(mode="linear", coordinate_transformation_mode="align_corners")),
        ("resize cubic", "Resize", X, (None, np.float32([1, 1, 2, 2])), dict(mode="cubic")),
        ("resize old", "Resize", X, (np.float32([1, 1, 2, 2]),), dict(mode="nearest", opset=10)),
        ("upsample", "Upsample", X, (np.float32([1, 1, 2, 2]),), dict(mode="nearest", opset=9)),
        ("pad", "Pad", X, (P5, np.float32(0.5)), {}),
        ("pad of axes", "Pad", X, (ints(1, 2), None, ints(-1)), {}),
        ("pad reflect", "Pad", X, (P5,), dict(mode="reflect")),
        ("pad edge", "Pad", X, (P5,), dict(mode="edge")),
        ("slice", "Slice", X, (ints(1, 0), ints(2**62, 7), ints(2, 3), ints(2, 3)), {}),
        ("slice back", "Slice", X, (ints(-1, 5), ints(-(2**62), 1), ints(3, 2), ints(-1, -2)), {}),
        ("split", "Split", X, (ints(1, 3),), dict(axis=1, outputs=2)),
        ("split evenly", "Split", X, (), dict(axis=3, outputs=2, num_outputs=2)),
        ("split old", "Split", X, (), dict(axis=1, outputs=2, opset=11, split=[3, 1])),
        ("gather", "Gather", X, (ints(1, -1),), dict(axis=2)),
        ("gather one", "Gather", X, (np.array(-2),), dict(axis=3)),
        ("gather grid", "Gather", X, (np.array([[0, 1], [2, 3]]),), dict(axis=1)),
        ("expand", "Expand", X[:, :, :1], (ints(2, 1, 1, 5, 1),), {}),
        ("tile", "Tile", X, (ints(1, 2, 1, 3),), {}),
        ("transpose", "Transpose", X, (), dict(perm=[0, 2, 3, 1])),
        ("transpose all", "Transpose", X, (), {}),
        ("reshape", "Reshape", X, (ints(0, -1, 9),), {}),
        ("flatten", "Flatten", X, (), dict(axis=-2)),
        ("squeeze", "Squeeze", X, (ints(0),), {}),
        ("squeeze old", "Squeeze", X, (), dict(axes=[0], opset=11)),
        ("unsqueeze", "Unsqueeze", X, (ints(0, -1),), {}),
        ("softmax", "Softmax", X, (), dict(axis=1)),
        ("softmax old", "Softmax", X, (), dict(axis=2, opset=11)),
        ("matmul", "MatMul", X, (weight(9, 5),), {}),
        ("gemm", "Gemm", X[0, 0], (weight(5, 9), weight(5)), dict(transB=1, alpha=.5, beta=2.)),
        ("mean", "ReduceMean", X, (ints(2, 3),), dict(keepdims=0)),
        ("mean old", "ReduceMean", X, (), dict(axes=[1], opset=13)),
        ("mean of all", "ReduceMean", X, (), {}),
        ("sum of none", "ReduceSum", X, (), dict(noop_with_empty_axes=1)),
        ("largest", "ReduceMax", X, (ints(1),), {}),
        ("least", "ReduceMin", X, (ints(-1),), {}),
        ("clip", "Clip", X, (np.float32(-0.5), np.float32(0.5)), {}),
        ("clip above", "Clip", X, (None, np.float32(0.5)), {}),
        ("clip old", "Clip", X, (), dict(min=0.0, max=0.5, opset=6)),
        ("prelu", "PRelu", X, (weight(4, 1, 1),), {}),
        ("gelu tanh", "Gelu", X, (), dict(approximate="tanh", opset=20)),
        ("pow", "Pow", np.abs(X), (np.float32(2.5),), {}),
        ("fmod", "Mod", X, (np.float32(0.7),), dict(fmod=1)),
        ("mod", "Mod", ints(-7, 7, 5), (ints(3),), {}),
        ("whole division", "Div", ints(-7, 7), (ints(2),), {}),
        ("where", "Where", X > 0, (X, np.float32(0)), {}),
        ("cast", "Cast", X * 9, (), dict(to=TensorProto.INT32)),
        ("and", "And", X > 0, (X > 1,), {}),
        ("or", "Or", X > 0, (X > 1,), {}),
        ("xor", "Xor", X > 0, (X > 1,), {}),
        ("not", "Not", X > 0, (), {}),
        ("quantise", "QuantizeLinear", X, (np.float32(0.1), np.uint8(128)), {}),
        ("quantise channels", "QuantizeLinear", X,
         (np.float32([.1, .2, .3, .4]), np.zeros(4, np.int8)), dict(axis=1)),
        ("dropout", "Dropout", X, (), {}),
        ("concat", "Concat", X, (X, X[:, :2]), dict(axis=1)),
        ("most", "Max", X, (np.float32(0), X[..., :1]), {}),
        ("fewest", "Min", X, (X * 2,), {}),
        ("total", "Sum", X, (X, X), {}),
        ("length", "ReduceL2", X, (ints(1),), {}),
        ("index of the largest", "ArgMax", X, (), dict(axis=1, keepdims=0)),
        ("top k", "TopK", X, (ints(3),), dict(axis=2, outputs=2)),
        ("bottom k", "TopK", X, (ints(2),), dict(largest=0, outputs=2)),
        ("gather elements", "GatherElements", X, (ints(*range(-4, 4)).reshape(1, 2, 1, 4),),
         dict(axis=3)),
        ("gather places", "GatherND", X, (ints(0, 1, 0, 3).reshape(2, 2),), {}),
        ("scatter places", "ScatterND", X, (ints(0, 1, 0, 3).reshape(2, 2), weight(2, 7, 9)), {}),
        ("sample", "GridSample", X, (weight(1, 5, 3, 2),), dict(mode="bilinear", opset=16)),
        ("sample nearest", "GridSample", X, (weight(1, 5, 3, 2),),
         dict(mode="nearest", padding_mode="border", align_corners=1, opset=16)),
        ("layer norm", "LayerNormalization", X, (weight(9), weight(9)), {}),
        ("layer norm of a map", "LayerNormalization", X, (weight(7, 9),), dict(axis=2)),
        ("instance norm", "InstanceNormalization", X, (weight(4), weight(4)), {}),
        ("leaky", "LeakyRelu", X, (), dict(alpha=.2)),
        *((kind.lower(), kind, X, (), {}) for kind in (
            "Relu", "LeakyRelu", "Sigmoid", "HardSigmoid", "Tanh", "Softplus", "HardSwish", "Mish",
            "Elu", "Selu", "Celu", "ThresholdedRelu", "Exp", "Neg", "Abs", "Erf", "Floor", "Ceil",
            "Round", "Reciprocal", "Sin", "Cos", "Atan", "Sign", "Softsign", "Identity")),
        *((kind.lower(), kind, np.abs(X), (), {}) for kind in ("Log", "Sqrt")),
        *((kind.lower(), kind, X, (weight(4, 1, 1),), {}) for kind in (
            "Add", "Sub", "Mul", "Div", "Greater", "Less", "Equal", "GreaterOrEqual",
            "LessOrEqual")),
        ("gelu", "Gelu", X, (), dict(opset=20)),
    ]
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_an_operator_computes_what_onnx_runtime_computes(name: str) -> None:
    compare(*CASES[name])


def test_steps_are_turned_back_into_numbers() -> None:
    steps = RANDOM.integers(-128, 128, (1, 4, 7, 9)).astype(np.int8)
    scale = np.float32([0.1, 0.2, 0.3, 0.4])
    compare(one("DequantizeLinear", steps, scale, np.zeros(4, np.int8), axis=1), steps)


def test_swish_is_x_times_its_sigmoid() -> None:  # ONNX Runtime has none yet
    made = TorchGraph(one("Swish", X, opset=24, alpha=2.0))(torch.from_numpy(X))
    assert torch.allclose(made[0], torch.from_numpy(X / (1 + np.exp(-2 * X))), atol=1e-6)


def test_what_depends_on_shapes_alone_is_computed_beforehand() -> None:
    node = helper.make_node
    nodes = [node("Shape", ["x"], ["s"], "s"), node("Gather", ["s", "at"], ["h"], "h"),
             node("Unsqueeze", ["h", "zero"], ["hs"], "hs"), node("Mul", ["hs", "two"], ["d"], "d"),
             node("Constant", [], ["rest"], "rest", value_ints=[-1]),
             node("Concat", ["batch", "d", "rest"], ["wanted"], "wanted", axis=0),
             node("Reshape", ["x", "wanted"], ["y"], "y"),
             node("Size", ["x"], ["size"], "size"), node("Cast", ["size"], ["f"], "f", to=1),
             node("Range", ["zero_d", "four", "one"], ["r"], "r"),
             node("ConstantOfShape", ["two"], ["zeros"], "zeros"),
             node("Div", ["y", "f"], ["z"], "z")]  # fmt: skip
    numbers = {"at": np.array(2), "zero": ints(0), "two": ints(2), "batch": ints(1),
               "zero_d": np.array(0), "four": np.array(4), "one": np.array(1)}  # fmt: skip
    constants = [numpy_helper.from_array(value, name) for name, value in numbers.items()]
    model = model_of(nodes, X, ["z", "r", "zeros"], constants)
    compare(model, X)
    assert len(TorchGraph(model)._calls) == 2  # Reshape and Div


def test_every_operator_that_is_priced_can_be_run() -> None:
    priced = {*kinds.ACTS, *kinds.UNARY, *kinds.SUMS, *kinds.PRODUCTS, *kinds.SIMPLE,
              *kinds.FREE, *kinds.SAME, "Conv", "ConvTranspose", "MatMul", "Gemm", "MaxPool",
              "AveragePool", "Concat"}  # fmt: skip
    assert priced <= set(OPERATORS)


def test_every_operator_is_tested() -> None:
    seen = {node.op_type for model, _ in CASES.values() for node in model.graph.node}
    elsewhere = {"DequantizeLinear", "Swish", "Shape", "Size", "Range", "Constant",
                 "ConstantOfShape"}  # fmt: skip
    assert set(OPERATORS) == seen | elsewhere


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (one("LpNormalization", X), "the node: PyTorch has no LpNormalization here"),
        (one("MaxPool", X, kernel_shape=[2, 2], outputs=2), "the node: .*second output"),
        (one("Resize", X, None, np.float32([1, 1, 2, 2]), mode="linear",
             coordinate_transformation_mode="asymmetric"), "the node: .*asymmetric coordinates"),
        (one("Resize", X, None, np.float32([1, 2, 2, 2])), "the node: .*channels resized"),
        (model_of([helper.make_node("Cast", ["x"], ["n"], "n", to=7),
                   helper.make_node("Reshape", ["c", "n"], ["y"], "the node")],
                  ints(2, 2), ["y"], [numpy_helper.from_array(weight(4), "c")]),
         "the node: .*input 1 must be constant"),
    ],
    ids=["operator", "outputs", "coordinates", "channels", "shape"],
)  # fmt: skip
def test_what_is_not_known_is_refused_by_the_name_of_its_node(
    model: onnx.ModelProto, message: str
) -> None:
    with pytest.raises(BackendError, match=message):
        TorchGraph(model)


def test_an_operator_of_another_domain_is_refused() -> None:
    node = helper.make_node("Relu", ["x"], ["y"], "mine", domain="com.example")
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", 1, X.shape)],
        [helper.make_tensor_value_info("y", 1, X.shape)])  # fmt: skip
    opsets = [helper.make_opsetid("", 19), helper.make_opsetid("com.example", 1)]
    with pytest.raises(BackendError, match="mine: PyTorch has no Relu here"):
        TorchGraph(static_graph(helper.make_model(graph, opset_imports=opsets)))


def test_maps_are_freed_after_their_last_use() -> None:
    nodes = [helper.make_node("Relu", [f"y{i}" if i else "x"], [f"y{i + 1}"], f"r{i}")
             for i in range(3)]  # fmt: skip
    steps = TorchGraph(model_of(nodes, X, ["y3"]))._calls
    assert [step.frees for step in steps] == [("x",), ("y1",), ("y2",)]
