"""The contract of runtimes: any static graph is compiled, timed, or refused in one line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import isfinite
from typing import ClassVar

import onnx
import pytest
from onnx import TensorProto, helper

from maenas.blocks import Backbone, ConvStem, ResK1KX
from maenas.blocks.op import conv
from maenas.budgets.backends import Backend, BackendError
from maenas.budgets.graph import graph_layers, static_graph
from maenas.budgets.graph.operator_graph import operator_graph
from maenas.detector.export.onnx import onnx_model
from maenas.detector.model.spec import assemble
from maenas.detector.model.template import load_template


class BackendContract:
    """Tests of runtimes; derive a class from it whose name begins with `Test`.

    Attributes:
        backends: functions without arguments that make the backends to test, such as their
            classes.
    """

    backends: ClassVar[Sequence[Callable[[], Backend]]] = ()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test for every backend."""
        assert metafunc.cls is not None
        if "backend" in metafunc.fixturenames and metafunc.cls.backends:
            metafunc.parametrize("backend", metafunc.cls.backends, indirect=True)

    @pytest.fixture
    def backend(self, request: pytest.FixtureRequest) -> Backend:
        """A new backend for each test."""
        made: Backend = request.param()
        return made

    def test_a_detector_is_timed_in_the_precision_asked_for(self, backend: Backend) -> None:
        session = backend.compile(small_network())
        assert session.precision == backend.precision
        for count in (1, 3):
            run = session.run(count)
            assert len(run.ms) == count
            assert all(0 < ms < 60_000 for ms in run.ms)
            assert run.layers == ()
        session.close()

    def test_layers_are_told_where_the_backend_has_them(self, backend: Backend) -> None:
        run = backend.compile(small_network(), layers=True).run(3)
        assert bool(run.layers) is backend.has_layers
        known = {name for layer in graph_layers(small_network()).layers for name in layer.nodes}
        named = {name for layer in run.layers for name in layer.nodes}
        # A time may be slightly negative: a busy machine disturbs the overhead that is subtracted.
        assert all(isfinite(layer.us) for layer in run.layers)
        if backend.has_layers:
            assert len(named & known) > 0.5 * len(graph_layers(small_network()).layers)

    def test_a_larger_convolution_takes_longer(self, backend: Backend) -> None:
        small, large = (operator_graph(conv((64, side, side), 64, 3)) for side in (8, 160))
        assert small is not None
        assert large is not None
        small_ms = min(backend.compile(small).run(20).ms)
        assert 5 * small_ms < min(backend.compile(large).run(5).ms)

    def test_what_has_nothing_to_quantise_can_be_timed_too(self, backend: Backend) -> None:
        graph = helper.make_graph(
            [helper.make_node("MaxPool", ["x"], ["y"], "pool", kernel_shape=[3, 3])],
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 16, 32, 32))],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        )
        opsets = [helper.make_opsetid("", 19)]
        model = static_graph(helper.make_model(graph, opset_imports=opsets, ir_version=10))
        assert backend.compile(model).run(2).ms

    def test_the_model_is_left_alone(self, backend: Backend) -> None:
        before = small_network().SerializeToString()
        backend.compile(small_network())
        assert small_network().SerializeToString() == before

    def test_what_the_runtime_does_not_know_is_refused_in_one_line(self, backend: Backend) -> None:
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

    def test_provenance_says_what_ran_where(self, backend: Backend) -> None:
        told = backend.provenance()
        assert told["runtime"]
        assert told["device"]
        assert all(isinstance(value, str | int | float) for value in told.values())


@cache
def small_network() -> onnx.ModelProto:
    """A small detector as a static graph."""
    stages = (
        ConvStem(out_channels=8, stride=2),
        ResK1KX(out_channels=16, bottleneck_channels=8, stride=2),
        *(
            ResK1KX(out_channels=channels, bottleneck_channels=8, stride=2)
            for channels in (16, 24, 32)
        ),
    )
    spec = assemble(Backbone(stages, (2, 3, 4), (3, 64, 64)), load_template("ns"))
    return static_graph(onnx_model(spec, spec.build(), batch=1))
