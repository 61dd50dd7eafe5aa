"""TensorRT on the GPU of this machine, and where its timings are kept on any."""

from __future__ import annotations

from pathlib import Path

import pytest

from maenas.budgets.graph import graph_layers, static_graph
from maenas.detector.export.onnx import onnx_model
from tests.lively import lively, published_spec

pytestmark = [pytest.mark.tensorrt, pytest.mark.gpu]


@pytest.fixture(autouse=True)
def needs_tensorrt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from maenas.budgets.backends.load import tensorrt_problem

    problem = tensorrt_problem()
    if problem:
        pytest.skip(problem)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_layers_with_known_nodes_take_nearly_all_the_time() -> None:
    from maenas.budgets.backends.tensorrt_gpu import TensorRtBackend

    spec = published_spec("t")
    model = static_graph(onnx_model(spec, lively(spec), batch=1))
    run = TensorRtBackend("f16").compile(model, layers=True).run(10)
    known = {name for layer in graph_layers(model).layers for name in layer.nodes}
    total = sum(layer.us for layer in run.layers)
    owned = sum(layer.us for layer in run.layers if known.intersection(layer.nodes))
    assert owned > 0.9 * total
    assert 0.5 < total / 1e3 / min(run.ms) < 3  # enqueued one by one, against one CUDA graph
    assert not run.warnings


def test_timings_are_kept_and_a_damaged_file_of_them_is_begun_anew(tmp_path: Path) -> None:
    from maenas.budgets.backends.tensorrt_build import build_engine
    from maenas.budgets.graph.operator_graph import reference_graph

    build_engine(reference_graph())
    [kept] = tmp_path.rglob("*.timing")
    whole = kept.stat().st_size
    kept.write_bytes(b"damaged")
    build_engine(reference_graph())
    assert kept.stat().st_size > whole / 2
