"""What cannot be measured as an ONNX model is refused in one line that names file and cause."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from maenas.budgets.graph.model import GraphError, input_shapes, load_graph, static_graph
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
        ((1, 8, "height", 16), {}, r"input x leaves dimension 2 \(height\) open; .*--input-size"),
        ((1, "channels", 16, 16), {"input_size": 16}, r"leaves dimension 1 \(channels\) open"),
        ((8, 8, 16, 16), {}, "input x has batch 8; .* export it with batch 1"),
        ((1, 8, 16, 16), {"input_size": 32}, "input x is fixed at 16 x 16; leave --input-size out"),
        ((1, 8, 16, 32), {"input_size": 16}, "input x is fixed at 16 x 32"),
        ((), {}, "input x has no shape"),
    ],
)
def test_an_input_of_no_known_size_is_refused(tmp_path: Path, shape, options, message) -> None:
    refused(saved(tmp_path, *shape), message, **options)


def test_a_size_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="input_size: must be at least 1, got 0"):
        load_graph(saved(tmp_path, 1, 8, "h", "w"), 0)


def test_a_missing_file_a_folder_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    refused(tmp_path / "none.onnx", "no such file")
    refused(tmp_path, "is a folder")
    (tmp_path / "empty.onnx").touch()
    refused(tmp_path / "empty.onnx", "has no operators; it is empty or no ONNX model")


def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, 1, 8, 16, 16)
    content = path.read_bytes()
    for share in (0.1, 0.5, 0.9):
        path.write_bytes(content[: int(share * len(content))])
        refused(path, "damaged|no operators")


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_text("<html>not found</html>")
    refused(path, "is damaged or no ONNX file")


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
