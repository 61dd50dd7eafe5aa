"""ONNX Runtime runs as many threads as it is told, in f32 alone."""

from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto, helper

from maenas.budgets.backends import BackendError
from maenas.budgets.backends.onnxruntime_cpu import OnnxRuntimeBackend


@pytest.mark.parametrize("precision", ["f16", "bf16", "int8"])
def test_precisions_it_is_not_run_in_are_refused(precision: str) -> None:
    with pytest.raises(BackendError, match=f"in f32, got {precision}"):
        OnnxRuntimeBackend(precision)  # type: ignore[arg-type]


def test_threads_beyond_the_cores_are_refused() -> None:
    with pytest.raises(BackendError, match="threads: must be from 1"):
        OnnxRuntimeBackend("f32", 100_000)
    assert OnnxRuntimeBackend("f32", 1).provenance()["threads"] == 1


def test_inputs_of_whole_numbers_are_filled_too() -> None:
    graph = helper.make_graph(
        [helper.make_node("Gather", ["x", "at"], ["y"], "gather", axis=1)],
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 8)),
            helper.make_tensor_value_info("at", TensorProto.INT64, (3,)),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 3))],
    )
    opsets = [helper.make_opsetid("", 19)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    assert len(OnnxRuntimeBackend("f32", 1).compile(model).run(2).ms) == 2
