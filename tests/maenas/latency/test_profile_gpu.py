"""`maenas profile` on GPUs that are pretended: to the end, and with the times of their clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from maenas.budgets.backends import open_backend, parse_target
from maenas.budgets.pricing.table import load_table
from maenas.cli.latency.profile_text import summary
from maenas.latency.profile import Request, run_profile
from tests.cuda_on_cpu import fake_gpu
from tests.cuda_on_cpu.cuda import NAME
from tests.cuda_on_cpu.profiles import backbone_graph, small_items, torch_gpu
from tests.fake_tensorrt import VERSION, fake_tensorrt


@contextmanager
def tensorrt_gpu() -> Iterator[None]:
    with fake_gpu() as gpu, fake_tensorrt(gpu) as state:
        state.values = False  # time alone
        yield


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


def test_torch_times_a_graph_in_each_precision() -> None:
    """The operators of a graph meet no tensor of the CPU, in 16 bits and in 32."""
    ms = {}
    with torch_gpu():
        for precision in ("f16", "f32"):
            backend = open_backend(parse_target("torch-cuda", precision))
            session = backend.compile(backbone_graph(32))
            assert session.precision == precision
            ms[precision] = min(session.run(3).ms)
    assert 0 < ms["f16"] < ms["f32"]
