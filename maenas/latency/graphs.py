"""ONNX graphs of networks to measure, with random weights from a fixed seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maenas.blocks import Backbone
from maenas.detector.model.spec import DetectorSpec

if TYPE_CHECKING:
    import onnx

SINGLE_SEED = 0


def graph_of(spec: DetectorSpec) -> onnx.ModelProto:
    """A detector as a static ONNX graph; its random weights do not change the latency."""
    import torch

    from maenas.budgets.graph.model import static_graph
    from maenas.detector.export.onnx import onnx_model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SINGLE_SEED)
        return static_graph(onnx_model(spec, spec.build(), batch=1))


def backbone_graph(backbone: Backbone) -> onnx.ModelProto:
    """A backbone as a static ONNX graph; its outputs are the feature maps."""
    import torch

    from maenas.budgets.graph.model import static_graph
    from maenas.detector.export.onnx import backbone_model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SINGLE_SEED)
        return static_graph(backbone_model(backbone, backbone.build()))
