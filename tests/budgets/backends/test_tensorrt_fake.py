"""TensorRT's backend on a fake module: graphs are built, timed and told layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from maenas.blocks.op import conv
from maenas.budgets.backends import Backend, BackendError, Target, available, open_backend
from maenas.budgets.graph import graph_layers
from maenas.budgets.graph.operator_graph import operator_graph, reference_graph
from maenas.budgets.latency import Precision
from tests.cuda_on_cpu import fake_gpu
from tests.cuda_on_cpu.cuda import NAME
from tests.fake_tensorrt import fake_tensorrt, plan
from tests.fake_tensorrt.build import State


@pytest.fixture
def trt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[State]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with fake_gpu() as gpu, fake_tensorrt(gpu) as state:
        state.values = False  # time alone
        yield state


def backend(precision: Precision = "f16") -> Backend:
    return open_backend(Target("cuda", "tensorrt", precision))


@pytest.mark.parametrize("precision", ["f16", "f32", "int8"])
def test_a_graph_is_timed_in_each_precision(trt: State, precision: Precision) -> None:
    session = backend(precision).compile(reference_graph(), layers=True)
    assert session.precision == precision
    assert session.note == ""
    run = session.run(3)
    assert len(run.ms) == 3
    assert run.warnings == ()
    told = sum(layer.us for layer in run.layers)
    assert told / 1e3 == pytest.approx(run.ms[0], rel=0.01)
    known = {name for layer in graph_layers(reference_graph()).layers for name in layer.nodes}
    assert all(known.intersection(layer.nodes) for layer in run.layers)


def test_int8_is_faster_and_a_larger_convolution_slower(trt: State) -> None:
    times = {p: backend(p).compile(reference_graph()).run(1).ms[0] for p in ("f32", "f16", "int8")}
    assert times["int8"] < times["f16"] < times["f32"]
    small, large = (operator_graph(conv((64, side, side), 64, 3)) for side in (8, 160))
    assert small is not None
    assert large is not None
    compiled = [backend().compile(graph).run(1).ms[0] for graph in (small, large)]
    assert compiled[0] < compiled[1] / 5


def test_an_engine_in_another_precision_is_refused(
    trt: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(plan.FORMATS, "Half", "Row major linear FP32")
    with pytest.raises(BackendError, match="TensorRT computes in f32, not in f16 as requested"):
        backend().compile(reference_graph())


def test_an_engine_that_tells_no_types_is_timed_with_a_remark(
    trt: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "information", lambda plan, known: '{"Layers": ["a", "b"]}')
    monkeypatch.setattr("tests.fake_tensorrt.run.information", lambda plan, known: '{"Layers": []}')
    session = backend().compile(reference_graph())
    assert session.precision == "f16"
    assert "does not report the types" in session.note


@pytest.mark.parametrize("call", ["build_serialized_network", "create_execution_context",
                                  "set_tensor_address", "execute_async_v3"])  # fmt: skip
def test_a_failing_call_gives_the_runtimes_own_message(trt: State, call: str) -> None:
    found = backend()
    trt.failures[call] = "Error Code 2: OutOfMemory (no further information)"
    with pytest.raises(BackendError, match="Error Code 2: OutOfMemory"):
        found.compile(reference_graph())


def test_what_cannot_be_parsed_is_told_with_the_node(trt: State) -> None:
    model = reference_graph()
    model.graph.node[0].op_type = "NoSuchOperator"
    with pytest.raises(BackendError, match="operator: NoSuchOperator"):
        backend("f32").compile(model)


def test_a_gpu_that_tensorrt_cannot_use_is_told_with_its_driver(trt: State) -> None:
    trt.failures["Builder"] = "CUDA initialization failure with error: 35"
    missing = {one.backend: one.why_not for one in available()}["tensorrt"]
    assert missing is not None
    assert f"cannot use {NAME} with driver" in missing
    assert "CUDA initialization failure" in missing


def test_timings_are_kept_and_a_damaged_file_of_them_is_begun_anew(
    trt: State, tmp_path: Path
) -> None:
    from maenas.budgets.backends.tensorrt_build import build_engine

    build_engine(reference_graph())
    [kept] = tmp_path.rglob("*.timing")
    whole = kept.read_bytes()
    kept.write_bytes(b"damaged")
    build_engine(reference_graph())
    assert kept.read_bytes() == whole


def test_a_name_of_a_cache_tells_gpu_version_and_driver(trt: State) -> None:
    from maenas.budgets.backends.tensorrt_build import timing_cache_path

    path = timing_cache_path("NVIDIA GeForce RTX 4090", "10.13.0.35", "580.65.06")
    assert path.name == "nvidia-geforce-rtx-4090-trt10.13.0.35-driver580.65.06.timing"


def test_provenance_tells_version_and_gpu(trt: State) -> None:
    told: Any = backend().provenance()
    assert told["runtime"] == f"TensorRT {trt.version}"
    assert told["device"] == NAME
