"""What cannot be measured as an ONNX model is refused in one line that names file and cause."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from maenas.budgets.graph.inputs import GraphError, fix_inputs
from maenas.budgets.graph.model import input_shapes, load_graph, static_graph
from tests.graphs import kernels, made

LINES = ["c = Conv x w", "y = Relu c"]


def model_of(*shape: int | str) -> onnx.ModelProto:
    return made(LINES, {"x": shape}, {"w": kernels(8, 8)})


def saved(folder: Path, *shape: int | str) -> Path:
    path = folder / "model.onnx"
    onnx.save(model_of(*shape), path)
    return path


def refused(path: Path, message: str, **options: int) -> None:
    with pytest.raises(GraphError, match=message) as error:
        load_graph(path, **options)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_an_open_batch_becomes_one_and_the_size_that_is_asked_for(tmp_path: Path) -> None:
    path = saved(tmp_path, "batch", 8, "height", "width")
    assert input_shapes(load_graph(path, input_size=64)) == {"x": (1, 8, 64, 64)}


@pytest.mark.parametrize(
    ("shape", "size", "wanted"),
    [
        (("n", 8, 64, "w"), (64, 320), (1, 8, 64, 320)),
        (("n", 8, "h", "w"), (64, 320), (1, 8, 64, 320)),
        ((1, 8, 16, 32), (16, 32), (1, 8, 16, 32)),
        (("n", 8, 16, 16), None, (1, 8, 16, 16)),
    ],
)
def test_each_open_axis_takes_its_side(tmp_path: Path, shape, size, wanted) -> None:
    assert input_shapes(load_graph(saved(tmp_path, *shape), size)) == {"x": wanted}


def test_an_image_whose_channels_come_last_takes_a_size_too() -> None:
    lines = ["t = Transpose x", "y = Conv t w"]
    attributes = {"t": {"perm": (0, 3, 1, 2)}}
    model = made(lines, {"x": ("n", "h", "w", 3)}, {"w": kernels(8, 3)}, (), attributes)
    assert input_shapes(static_graph(model, input_size=(64, 96))) == {"x": (1, 64, 96, 3)}


def test_a_scalar_beside_the_image_and_a_second_image_of_fixed_size_stay() -> None:
    lines = ["a = Conv x w", "b = Mul a s", "c = Conv z w", "y = Add c c"]
    inputs = {"x": (1, 8, "h", "w"), "s": (), "z": (1, 8, 4, 4)}
    model = made(lines, inputs, {"w": kernels(8, 8)}, ("b", "y"))
    assert input_shapes(static_graph(model, input_size=16)) == {
        "x": (1, 8, 16, 16), "s": (), "z": (1, 8, 4, 4),
    }  # fmt: skip


def test_functions_of_the_model_itself_are_inlined() -> None:
    model = made(["c = Conv x w", "y = CustomSilu c"], weights={"w": kernels(8, 8)}, domain="torch")
    body = [
        helper.make_node("Sigmoid", ["a"], ["s"]), helper.make_node("Mul", ["a", "s"], ["b"])
    ]  # fmt: skip
    opset = helper.make_opsetid("", 19)
    model.functions.append(helper.make_function("torch", "CustomSilu", ["a"], ["b"], body, [opset]))
    graph = static_graph(model)
    assert [node.op_type for node in graph.graph.node] == ["Conv", "Sigmoid", "Mul"]
    assert not graph.functions
    assert len({node.name for node in graph.graph.node} - {""}) == 3


def test_functions_of_an_opset_that_cannot_be_converted_are_named() -> None:
    model = made(["c = Conv x w", "y = CustomSilu c"], weights={"w": kernels(8, 8)}, domain="torch")
    body = [helper.make_node("Sigmoid", ["a"], ["b"])]
    opset = helper.make_opsetid("", 99)
    model.functions.append(helper.make_function("torch", "CustomSilu", ["a"], ["b"], body, [opset]))
    with pytest.raises(GraphError) as raised:
        static_graph(model)
    assert "but not torch.CustomSilu (opset 99): export it with one opset" in str(raised.value)
    assert "Assertion" not in str(raised.value)
    assert ".h:" not in str(raised.value)


def test_shapes_are_inferred_and_the_model_given_is_left_as_it_was() -> None:
    model = model_of("batch", 8, 16, 16)
    before = model.SerializeToString()
    graph = static_graph(model).graph
    (inner,) = graph.value_info
    assert [dim.dim_value for dim in inner.type.tensor_type.shape.dim] == [1, 8, 16, 16]
    assert model.SerializeToString() == before


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((1, 8, "height", 16), {}, "leaves its height open .* its width at 16; .* 640x16"),
        ((1, 8, 64, "w"), {}, "leaves its width open .* its height at 64; .* 64x640"),
        ((1, 8, 64, "w"), {"input_size": 320}, "its height at 64; .* --input-size 64x320"),
        ((1, 8, 64, "w"), {"input_size": (32, 320)}, "such as --input-size 64x320"),
        ((1, 8, "h", "w"), {}, "leaves its height and width open; .* --input-size 640,"),
        (("N", "H", "W", 3), {}, "leaves its height and width open"),
        ((1, "length", 8), {"input_size": 9}, r"dimension 1 \(length\) open, for which no option"),
        ((1, 8), {"input_size": 9}, "reads no image; leave --input-size out"),
        ((1, "channels", 16, 16), {"input_size": 16}, r"leaves dimension 1 \(channels\) open"),
        ((8, 8, 16, 16), {}, "input x has batch 8; .* export it with batch 1"),
        ((1, 8, 16, 16), {"input_size": 32}, "input x is fixed at 16 x 16; leave --input-size out"),
        ((1, 8, 16, 32), {"input_size": 16}, "input x is fixed at 16 x 32"),
        ((1, 8, 16, 32), {"input_size": (32, 16)}, "input x is fixed at 16 x 32"),
    ],
)
def test_an_input_of_no_known_size_is_refused(tmp_path: Path, shape, options, message) -> None:
    refused(saved(tmp_path, *shape), message, **options)


def inputs_of(*shapes: tuple[int | str, ...]) -> list[onnx.ValueInfoProto]:
    return [
        helper.make_tensor_value_info(f"x{number}", TensorProto.FLOAT, shape)
        for number, shape in enumerate(shapes)
    ]


def test_the_size_that_is_proposed_fits_all_inputs() -> None:
    inputs = inputs_of((1, 3, "h", 64), (1, 3, 32, "w"), (1, 3, 16, 16))
    with pytest.raises(GraphError, match=r"input x0 leaves its height open .* --input-size 32x64,"):
        fix_inputs(inputs, "two.onnx", None)
    fix_inputs(inputs, "two.onnx", (32, 64))
    assert [[dim.dim_value for dim in one.type.tensor_type.shape.dim[2:]] for one in inputs] == [
        [32, 64],
        [32, 64],
        [16, 16],
    ]


def test_inputs_that_no_size_fits_are_refused_whatever_size_is_given() -> None:
    for size in (None, 64, (640, 64)):
        with pytest.raises(GraphError, match=r"x0 and x1 fix their width at 64 and 32 .* no size"):
            fix_inputs(inputs_of((1, 3, "h", 64), (1, 3, "k", 32)), "two.onnx", size)


def test_a_size_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="input_size: must be at least 1, got 0"):
        load_graph(saved(tmp_path, 1, 8, "h", "w"), 0)


def test_a_missing_file_a_folder_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    refused(tmp_path / "none.onnx", "no such file")
    refused(tmp_path, "is a folder")
    (tmp_path / "empty.onnx").touch()
    refused(tmp_path / "empty.onnx", "has no operators; it is empty or not an ONNX model")


def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, 1, 8, 16, 16)
    content = path.read_bytes()
    for share in (0.1, 0.5, 0.9):
        path.write_bytes(content[: int(share * len(content))])
        refused(path, "damaged|no operators")


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_text("<html>not found</html>")
    refused(path, "is damaged or not an ONNX file")


def test_weights_beside_the_file_are_read_and_missed(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    model = made(LINES, {"x": (1, 64, 8, 8)}, {"w": np.ones((64, 64, 1, 1), np.float32)})
    onnx.save(model, path, save_as_external_data=True, location="model.bin", size_threshold=0)
    assert load_graph(path).graph.initializer[0].raw_data
    (tmp_path / "model.bin").rename(tmp_path / "elsewhere.bin")
    refused(path, "its weights (are missing|cannot be read).*model.bin")


def test_a_model_that_does_not_say_what_its_operators_mean_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    model = model_of(1, 8, 16, 16)
    del model.opset_import[:]
    onnx.save(model, path)
    refused(path, "its operators cannot be understood: .*No opset import")


def test_a_graph_that_reads_no_tensor_is_refused() -> None:
    model = model_of(1, 8, 16, 16)
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    model.graph.input[0].type.CopyFrom(kind)
    with pytest.raises(GraphError, match="input x has no shape"):
        static_graph(model)
