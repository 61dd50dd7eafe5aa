"""`maenas profile` on GPUs that are pretended: to the end, and with the times of their clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest import mock

import onnx
import pytest
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
from maenas.budgets.pricing.table import load_table
from maenas.budgets.profiling.profile import Item
from maenas.cli.latency.profile import summary
from maenas.detector.export.onnx import backbone_model
from maenas.latency.profile import Request, run_profile
from tests.cuda_on_cpu import Clock, fake_gpu, shapes_gpu
from tests.cuda_on_cpu.cuda import NAME, fake_cuda
from tests.cuda_on_cpu.shapes import GPU
from tests.fake_tensorrt import VERSION, fake_tensorrt


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


@contextmanager
def tensorrt_gpu() -> Iterator[None]:
    with fake_gpu() as gpu, fake_tensorrt(gpu) as state:
        state.values = False  # time alone
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


@pytest.fixture(
    scope="module",
    params=[("torch-cuda", torch_gpu), ("tensorrt", tensorrt_gpu)],
    ids=["torch", "tensorrt"],
)
def profiled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, list[str]]:
    """The least that a table can be made of."""
    device, machine = request.param
    folder = tmp_path_factory.mktemp(device)
    with pytest.MonkeyPatch.context() as patch, machine():
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setattr("maenas.latency.networks.profile_items", lambda *asked: small_items())
        asked = Request(device, None, None, True, ("res",), (), 0.01, 0)
        told = summary(run_profile(asked, folder / "gpu.json", resume=False, exist_ok=False))
    return device, folder / "gpu.json", told


def test_a_table_of_the_gpu_is_written_with_its_error(
    profiled: tuple[str, Path, list[str]],
) -> None:
    device, path, told = profiled
    table = load_table(path)
    assert (table.hardware, table.precision) == ("gpu", "f16")
    assert table.backend == {"torch-cuda": "torch", "tensorrt": "tensorrt"}[device]
    assert table.provenance["device"] == NAME
    assert "CUDA graph of 0.2 ms or longer" in str(table.provenance["launch"])
    runtime = str(table.provenance["runtime"])
    assert runtime.startswith({"torch-cuda": "PyTorch ", "tensorrt": f"TensorRT {VERSION}"}[device])
    assert table.errors.mean < 0.5
    assert "held out: mean error" in "\n".join(told)
    assert all(sample.warnings == () for sample in table.samples)


def test_wider_networks_are_slower(profiled: tuple[str, Path, list[str]]) -> None:
    fastest = {sample.name: min(sample.ms) for sample in load_table(profiled[1]).samples}
    narrow, wide, between = (fastest[f"network/{place}"] for place in range(3))
    assert 0 < narrow < between < wide
