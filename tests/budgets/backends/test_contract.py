"""What every backend promises, asked of each that can run on this machine."""

from __future__ import annotations

from functools import cache

import onnx
import pytest
from onnx import TensorProto, helper

from maenas.blocks.op import conv
from maenas.budgets.backends import Backend, BackendError, Target, available, open_backend
from maenas.budgets.backends.load import BACKENDS, ON_CPU
from maenas.budgets.graph import graph_layers, static_graph
from maenas.budgets.graph.operator_graph import operator_graph, reference_graph
from maenas.detector.export.onnx import onnx_model
from tests.lively import lively, small_spec

KINDS = [(name, precision) for name, known in BACKENDS.items() for precision in known]
GPU = [pytest.mark.gpu]
MARKS = {"tensorrt": [pytest.mark.tensorrt, pytest.mark.gpu], "torch": GPU}


@cache
def detector() -> onnx.ModelProto:
    spec = small_spec()
    return static_graph(onnx_model(spec, lively(spec), batch=1))


@pytest.fixture(
    params=[
        pytest.param(kind, id=f"{kind[0]} {kind[1]}", marks=MARKS.get(kind[0], []))
        for kind in KINDS
    ]
)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Every runtime in every precision; skipped where it or the precision is not here."""
    name, precision = request.param
    missing = {one.backend: one.why_not for one in available()}[name]
    if missing:
        pytest.skip(missing)
    found = open_backend(Target("here", name, precision, 1 if name in ON_CPU else None))
    try:
        found.compile(reference_graph())
    except BackendError as error:
        if str(error).startswith("precision:") and precision in ("bf16", "f16"):
            pytest.skip(str(error))  # not every CPU has them
        raise
    return found


def test_a_detector_is_timed_in_the_precision_asked_for(
    backend: Backend, request: pytest.FixtureRequest
) -> None:
    session = backend.compile(detector())
    assert session.precision == request.node.callspec.params["backend"][1]
    for count in (1, 3):
        run = session.run(count)
        assert len(run.ms) == count
        assert all(0 < ms < 60_000 for ms in run.ms)
        assert run.layers == ()
    session.close()


def test_layers_are_told_where_the_backend_has_them(backend: Backend) -> None:
    run = backend.compile(detector(), layers=True).run(3)
    assert bool(run.layers) is backend.has_layers
    known = {name for layer in graph_layers(detector()).layers for name in layer.nodes}
    named = {name for layer in run.layers for name in layer.nodes}
    assert all(layer.us >= -1 for layer in run.layers)
    if backend.has_layers:
        assert len(named & known) > 0.5 * len(graph_layers(detector()).layers)


def test_a_larger_convolution_takes_longer(backend: Backend) -> None:
    small, large = (operator_graph(conv((64, side, side), 64, 3)) for side in (8, 160))
    assert small is not None
    assert large is not None
    small_ms = min(backend.compile(small).run(20).ms)
    assert 5 * small_ms < min(backend.compile(large).run(5).ms)


def test_what_has_nothing_to_quantise_can_be_timed_too(backend: Backend) -> None:
    graph = helper.make_graph(
        [helper.make_node("MaxPool", ["x"], ["y"], "pool", kernel_shape=[3, 3])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 16, 32, 32))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    opsets = [helper.make_opsetid("", 19)]
    model = static_graph(helper.make_model(graph, opset_imports=opsets, ir_version=10))
    assert backend.compile(model).run(2).ms


def test_the_model_is_left_alone(backend: Backend) -> None:
    before = detector().SerializeToString()
    backend.compile(detector())
    assert detector().SerializeToString() == before


def test_what_the_runtime_does_not_know_is_refused_in_one_line(backend: Backend) -> None:
    node = helper.make_node("NoSuchOperator", ["x"], ["y"], "strange")
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 4, 8, 8))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4, 8, 8))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=10)
    with pytest.raises(BackendError) as refused:
        backend.compile(model)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 600


def test_provenance_says_what_ran_where(backend: Backend) -> None:
    told = backend.provenance()
    assert told["runtime"]
    assert told["device"]
    assert all(isinstance(value, str | int | float) for value in told.values())
