"""Graphs of a kit are small files that old runtimes read, and the graph in them is the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from maenas.blocks.op import conv
from maenas.budgets.graph import graph_layers, static_graph
from maenas.budgets.graph.operator_graph import operator_graph, reference_graph
from maenas.budgets.graph.quantise import quantised
from maenas.budgets.kit.onnx_files import NAME, SIZE, SharedWeights, portable
from tests.graphs import made


def saved(models: list[onnx.ModelProto], folder: Path) -> list[Path]:
    weights = SharedWeights()
    paths = []
    for index, model in enumerate(models):
        path = folder / f"{index}.onnx"
        path.write_bytes(weights.moved(portable(model)).SerializeToString())
        paths.append(path)
    (folder / NAME).write_bytes(weights.content())
    return paths


@pytest.mark.parametrize("model", [reference_graph(), quantised(reference_graph())],
                         ids=["float", "int8"])  # fmt: skip
def test_a_runtime_reads_a_graph_whose_weights_lie_in_the_shared_file(
    model: onnx.ModelProto, tmp_path: Path
) -> None:
    (path,) = saved([model], tmp_path)
    assert path.stat().st_size < 20_000
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (out,) = session.run(None, {"x": np.ones((1, 64, 80, 80), np.float32)})
    assert out.shape == (1, 64, 40, 40)
    assert np.isfinite(out).all()
    assert out.std() > 0


def test_a_tensor_larger_than_the_file_makes_it_longer(tmp_path: Path) -> None:
    large = operator_graph(conv((1024, 4, 4), 512, 3))  # 18.9 MB
    two = saved([large, operator_graph(conv((64, 8, 8), 64, 3))], tmp_path)
    assert (tmp_path / NAME).stat().st_size == 1024 * 512 * 9 * 4 > SIZE
    for path in two:
        onnx.checker.check_model(path, full_check=True)


def test_moved_weights_do_not_change_the_operators() -> None:
    model = static_graph(reference_graph())
    assert graph_layers(SharedWeights().moved(portable(model))).ops == graph_layers(model).ops


@pytest.mark.parametrize(
    ("line", "opset"),
    [
        ("y = Relu x", 11),
        ("y = HardSwish x", 16),
        ("y = GroupNormalization x scale shift", 19),
    ],
)
def test_a_graph_has_the_oldest_opset_that_knows_its_operators(line: str, opset: int) -> None:
    ones = np.ones(2, np.float32)
    model = made([line], weights={"scale": ones, "shift": ones} if "scale" in line else {},
                 attributes={"y": {"num_groups": 2}} if "Group" in line else {})  # fmt: skip
    assert portable(static_graph(model)).opset_import[0].version == opset
