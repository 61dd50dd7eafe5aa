"""OpenVINO computes in the precision it is told, and its layers account for its time."""

from __future__ import annotations

from functools import cache

import onnx
import pytest

from maenas.budgets.backends import BackendError
from maenas.budgets.backends.openvino_core import openvino_core
from maenas.budgets.backends.openvino_cpu import OpenVinoBackend
from maenas.budgets.graph import graph_layers, static_graph
from maenas.budgets.graph.operator_graph import reference_graph
from maenas.budgets.latency import Precision
from maenas.detector.export.onnx import onnx_model
from tests.lively import lively, published_spec


@cache
def detector() -> onnx.ModelProto:
    spec = published_spec("t")
    return static_graph(onnx_model(spec, lively(spec), batch=1))


def test_precision_is_read_back() -> None:
    assert OpenVinoBackend("f32", 1).compile(reference_graph()).precision == "f32"


@pytest.mark.parametrize("precision", ["bf16", "f16"])
def test_half_precision_runs_where_the_cpu_has_it_and_is_refused_elsewhere(
    precision: Precision,
) -> None:
    has = openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    backend = OpenVinoBackend(precision, 1)
    if {"bf16": "BF16", "f16": "FP16"}[precision] not in has:
        with pytest.raises(BackendError, match=f"this CPU does not compute in {precision}, it has"):
            backend.compile(reference_graph())
        return
    session = backend.compile(reference_graph(), layers=True)
    kernels = [one.kernel for one in session.run(1).layers if one.kernel.startswith("Conv")]
    assert session.precision == precision
    assert kernels
    assert all(kernel.endswith(f"_{precision}") for kernel in kernels)


def test_int8_is_int8_in_most_of_the_convolutions() -> None:
    session = OpenVinoBackend("int8", 1).compile(detector(), layers=True)
    layers = session.run(2).layers
    convolutions = [one.kernel for one in layers if one.kernel.startswith("Convolution")]
    in_int8 = [kernel for kernel in convolutions if kernel.lower().endswith("_i8")]
    assert session.precision == "int8"
    assert len(in_int8) > 0.9 * len(convolutions) > 0


def test_layers_with_known_nodes_take_nearly_all_the_time() -> None:
    """The best of three tries: other processes may take the processor during any layer."""
    session = OpenVinoBackend("f32", 1).compile(detector(), layers=True)
    known = {name for layer in graph_layers(detector()).layers for name in layer.nodes}
    shares = []
    for _ in range(3):
        layers = session.run(10).layers
        owned = sum(layer.us for layer in layers if known.intersection(layer.nodes))
        shares.append(owned / sum(layer.us for layer in layers))
    assert max(shares) > 0.9


def test_layers_account_for_the_time_of_the_network() -> None:
    """Whatever else runs here: waiting lengthens a layer's mean and a run's, never the fastest."""
    run = OpenVinoBackend("f32", 1).compile(detector(), layers=True).run(30)
    # OpenVINO tells a layer's mean over all inferences so far, in whole microseconds.
    total_ms = sum(layer.us for layer in run.layers) / 1e3
    assert 0.7 * min(run.ms) < total_ms < 1.2 * sum(run.ms) / len(run.ms)


@pytest.mark.parametrize("threads", [0, -1, 100_000])
def test_threads_beyond_the_cores_are_refused(threads: int) -> None:
    with pytest.raises(BackendError, match=rf"threads: must be from 1 to the \d+ .*got {threads}"):
        OpenVinoBackend("f32", threads)


def test_threads_are_those_told() -> None:
    assert OpenVinoBackend("f32", 1).provenance()["threads"] == 1
