"""A profile of a GPU that is pretended: PyTorch's runtime without numbers, and small graphs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from unittest import mock

import onnx
import torch

from maenas.blocks import Backbone, ConvStem, ResK1KX
from maenas.blocks.op import conv
from maenas.budgets.backends import Session, torch_cuda
from maenas.budgets.backends.torch_cuda import TorchCudaBackend
from maenas.budgets.backends.torch_onnx.graph import TorchGraph
from maenas.budgets.backends.typed import typed_graph
from maenas.budgets.graph import static_graph
from maenas.budgets.graph.operator_graph import operator_graph
from maenas.budgets.pricing.disturbance import Role
from maenas.budgets.profiling.profile import Item
from maenas.detector.export.onnx import backbone_model
from tests.cuda_on_cpu.clock import Clock
from tests.cuda_on_cpu.cuda import fake_cuda
from tests.cuda_on_cpu.shapes import GPU, shapes_gpu


@contextmanager
def torch_gpu() -> Iterator[None]:
    """Networks are drawn, and their shapes worked out, with numbers; they run without."""
    clock, compiled = Clock(), TorchCudaBackend.compile

    def on_shapes(self: TorchCudaBackend, model: onnx.ModelProto, layers: bool = False) -> Session:
        graph = TorchGraph(typed_graph(model, self.precision).model, "cpu")

        def placed(model: onnx.ModelProto, device: str) -> TorchGraph:
            constants = {
                name: torch.empty_like(value, device=device)
                for name, value in graph._constants.items()
            }
            graph._device, graph._constants = GPU, constants
            return graph

        with shapes_gpu(clock), mock.patch.object(torch_cuda, "TorchGraph", placed):
            return compiled(self, model, layers)

    with fake_cuda(clock), mock.patch.object(TorchCudaBackend, "compile", on_shapes):
        yield


def small_items() -> list[Item]:
    """Backbones of small images, and convolutions alone."""
    items = []
    for place, width in enumerate((8, 32, 16, 24)):
        role: Role = "held-out" if place == 2 else "fit"
        items.append(Item(f"network/{place}", role, partial(backbone_graph, width)))
    for place, side in enumerate((8, 40, 160)):
        alone = partial(operator_graph, conv((32, side, side), 32, 3))
        items.append(Item(f"operator/{place}", "operator", alone))  # type: ignore[arg-type]
    return items


def backbone_graph(width: int) -> onnx.ModelProto:
    """Five stages of one width, with residual sums from the second block on."""
    stages = [ResK1KX(out_channels=width, bottleneck_channels=width, stride=2, depth=2)] * 4
    backbone = Backbone((ConvStem(out_channels=width), *stages), (2, 3, 4), (3, 128, 128))
    return static_graph(backbone_model(backbone, backbone.build()))
