"""A graph is cut where the selection of detections begins, and nowhere else."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx

from maenas.blocks import Op
from maenas.budgets.graph import graph_layers, static_graph
from maenas.budgets.graph.nms_tail import part
from maenas.detector.export.end_to_end import append_nms, append_plugin_nms
from maenas.detector.export.onnx import onnx_model
from maenas.detector.ops.thresholds import Thresholds
from maenas.detector.runtimes.metadata import Metadata
from tests.graphs import kernels, made
from tests.lively import lively, small_spec

W = {"w": kernels(8, 8)}
K = {"k": np.array([5])}


def priced(model: onnx.ModelProto) -> Counter[Op]:
    """All operators of a graph, each as often as it comes; none of them may be unknown."""
    layers = graph_layers(model)
    assert not layers.unknown
    return Counter(op for layer in layers.layers for op in layer.ops)


def test_our_exports_with_nms_are_the_detector_without() -> None:
    spec = small_spec()
    model = onnx_model(spec, lively(spec), batch=1)
    alone = priced(static_graph(model))
    shape = spec.backbone.in_shape
    metadata = Metadata(names=(), in_shape=shape, resize="letterbox", stride=(8, 16, 32))
    for appended, selects in ((append_nms, "NonMaxSuppression"),
                              (append_plugin_nms, "EfficientNMS_TRT")):  # fmt: skip
        parted = part(static_graph(appended(model, metadata, Thresholds())))
        assert priced(parted.network) == alone
        assert parted.behind[selects] == 1
        assert "Conv" not in parted.behind


def test_a_graph_that_selects_nothing_stays_as_it_is() -> None:
    model = static_graph(made(["y = Conv x w"], weights=W))
    parted = part(model)
    assert parted.network is model
    assert not parted.behind


def test_what_arranges_tensors_for_the_selection_belongs_to_it() -> None:
    lines = ["c = Conv x w", "s = Sigmoid c", "f = Flatten s", "v,i = TopK f k"]
    parted = part(static_graph(made(lines, weights={**W, **K}, outputs=["v"])))
    assert [node.op_type for node in parted.network.graph.node] == ["Conv", "Sigmoid"]
    assert [value.name for value in parted.network.graph.output] == ["s"]
    assert parted.behind == {"Flatten": 1, "TopK": 1}


def test_an_output_beside_the_selection_is_kept() -> None:
    lines = ["c = Conv x w", "y = Relu c", "f = Flatten c", "v,i = TopK f k"]
    parted = part(static_graph(made(lines, weights={**W, **K}, outputs=["v", "y"])))
    assert {value.name for value in parted.network.graph.output} == {"c", "y"}


def test_a_selection_with_network_behind_it_is_no_end() -> None:
    """Such as that of queries in the middle of a transformer."""
    lines = ["c = Conv x w", "f = Flatten c", "v,i = TopK f k", "y = MatMul v m"]
    weights = {**W, **K, "m": np.zeros((5, 3), np.float32)}
    model = static_graph(made(lines, weights=weights))
    parted = part(model)
    assert parted.network is model
    assert not parted.behind
