"""Graphs of single operators run, and compute what their operator says."""

from __future__ import annotations

from typing import get_args

import numpy as np
import onnx
import onnxruntime
import pytest

from maenas.blocks import Op
from maenas.blocks.op import OpKind
from maenas.budgets.graph import graph_layers
from maenas.budgets.graph.model import input_shapes, static_graph
from maenas.budgets.graph.operator_graph import operator_graph, reference_graph
from maenas.budgets.profiling.operator_grid import operator_grid

SMALL = [op for op in operator_grid(4) if op.in_shape[0] == 512 or op.kind == "slice"]
KINDS = {op.kind: op for op in SMALL}


def ran(model: onnx.ModelProto) -> tuple[int, ...]:
    """Shape of what a graph writes."""
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    inputs = {name: np.ones(shape, np.float32) for name, shape in input_shapes(model).items()}
    (written,) = session.run(None, inputs)
    return tuple(written.shape)


@pytest.mark.parametrize("op", KINDS.values(), ids=list(KINDS))
def test_the_graph_writes_what_its_operator_says(op: Op) -> None:
    shape = ran(static_graph(operator_graph(op)))
    if op.kind == "matmul":
        assert shape == (1, op.out_shape[2], op.out_shape[1], op.out_shape[0])
    elif op.kind == "copy":
        assert shape == (1, *op.out_shape[1:], op.out_shape[0])
    else:
        assert shape == (1, *op.out_shape)


WINDOWED = [
    Op("conv", (8, 17, 9), (16, 17, 3), (1, 7)),  # without padding
    Op("conv", (8, 17, 9), (16, 17, 9), (7, 1)),
    Op("conv", (8, 16, 16), (16, 8, 8), 3, 2),
    Op("conv", (8, 16, 16), (16, 8, 15), (3, 2), (2, 1)),
    Op("conv", (8, 1, 100), (8, 1, 50), (1, 5), 2, groups=8),
    Op("max_pool", (8, 16, 16), (8, 8, 16), (2, 1), (2, 1)),
    Op("max_pool", (8, 15, 15), (8, 8, 8), 2, 2),
    Op("avg_pool", (8, 15, 15), (8, 8, 8), 2, 2),
    Op("avg_pool", (8, 15, 15), (8, 15, 15), 3),
    Op("deconv", (8, 8, 8), (4, 16, 8), (2, 1), (2, 1)),
    Op("deconv", (8, 8, 8), (4, 16, 16), 4, 2),
    Op("deconv", (8, 8, 8), (8, 16, 16), 3, 2, groups=8),
]


@pytest.mark.parametrize(
    "op", WINDOWED, ids=lambda op: f"{op.kind} {op.kernel} {op.strides} {op.in_shape}"
)
def test_a_graph_has_the_window_and_the_output_of_its_operator(op: Op) -> None:
    graph = static_graph(operator_graph(op))
    assert graph_layers(graph).ops == (op,)
    assert ran(graph) == (1, *op.out_shape)


def test_the_reference_graph_runs() -> None:
    assert ran(static_graph(reference_graph())) == (1, 64, 40, 40)


def test_the_grid_holds_every_kind_but_that_of_our_own_exports() -> None:
    assert {op.kind for op in operator_grid(1)} == {*get_args(OpKind)} - {"decode"}
