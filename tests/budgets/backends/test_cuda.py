"""GPU time is taken by events around launches, long enough to hide the CPU's share of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from maenas.budgets.backends import BackendError
from maenas.budgets.backends.cuda import MOST_COPIES, SHORTEST_MS, WARM_UP, Gpu, Launch
from maenas.budgets.backends.nvml import UNWATCHED, GpuState
from tests.cuda_on_cpu import EVENT_US, LAUNCH_US, FakeGpu, fake_gpu


@pytest.fixture
def gpu() -> Iterator[FakeGpu]:
    with fake_gpu() as found:
        yield found


def kernel(gpu: FakeGpu, us: float) -> Callable[[], None]:
    """Work of one kernel."""
    return lambda: gpu.clock.launch(us)


@pytest.mark.parametrize("us", [0.9, 2.0, 7.0, 15.0, 40.0, 3000.0])
def test_a_kernel_is_timed_as_long_as_it_takes(gpu: FakeGpu, us: float) -> None:
    run = Launch(kernel(gpu, us), watch=None).run(5)
    assert run.ms == pytest.approx((us / 1e3,) * 5, rel=1e-6)
    assert run.warnings == ()


def test_the_fake_clock_counts_the_wait_for_a_launch_of_one_short_kernel(gpu: FakeGpu) -> None:
    """What `Launch` guards against: one launch an event pair, as short as the kernel."""
    stream, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        gpu.clock.launch(2.0)
    pairs = [(torch.cuda.Event(True), torch.cuda.Event(True)) for _ in range(5)]
    graph.replay()
    for start, end in pairs:
        start.record(stream)
        graph.replay()
        end.record(stream)
    told = [start.elapsed_time(end) for start, end in pairs]
    assert min(told) == pytest.approx((LAUNCH_US + 2.0) / 1e3, abs=EVENT_US / 1e3)


def test_short_work_is_repeated_in_one_graph_and_long_work_is_not(gpu: FakeGpu) -> None:
    copies = {us: Launch(kernel(gpu, us), watch=None).copies for us in (0.1, 2.0, 50.0, 300.0)}
    assert copies[0.1] == MOST_COPIES
    assert 2.0 * copies[2.0] >= 1e3 * SHORTEST_MS
    assert copies[50.0] == 4
    assert copies[300.0] == 1


def test_one_launch_goes_ahead_so_that_the_gpu_never_waits_for_the_first(gpu: FakeGpu) -> None:
    launch = Launch(kernel(gpu, 300.0), watch=None)
    before, started = gpu.clock.launches, gpu.clock.cpu
    launch.run(5)
    assert gpu.clock.launches - before == 6
    assert gpu.clock.cpu - started == pytest.approx(6 * 300.0, rel=0.02)


def test_what_cannot_be_recorded_is_enqueued_and_every_run_says_so(gpu: FakeGpu) -> None:
    calls = 0

    def unrecordable() -> None:
        nonlocal calls
        calls += 1
        if calls == WARM_UP + 1:
            raise RuntimeError("operation not permitted\nwhen stream is capturing")
        gpu.clock.launch(2000.0)

    launch = Launch(unrecordable, watch=None)
    for _ in range(2):
        run = launch.run(3)
        assert run.ms == pytest.approx((2.0,) * 3)
        [warning] = run.warnings
        assert "without CUDA graph" in warning
        assert "not permitted when" in warning


def test_a_graph_that_cannot_be_made_longer_is_kept_as_it_is(
    gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, calls = torch.cuda.graph, 0

    @contextmanager
    def once(graph: Any, **options: Any) -> Iterator[None]:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise torch.cuda.OutOfMemoryError("no memory for a second graph")
        with record(graph, **options):
            yield

    monkeypatch.setattr(torch.cuda, "graph", once)
    launch = Launch(kernel(gpu, 50.0), watch=None)
    assert launch.copies == 1
    assert launch.run(2).warnings == ()


def test_throttling_meanwhile_is_told(gpu: FakeGpu) -> None:
    class Watch:
        def state(self) -> GpuState:
            hot = ("heat",) if gpu.clock.gpu > 60_000 else ()
            return GpuState(None, None, None, None, hot)

    launch: Any = Launch(kernel(gpu, 2000.0), watch=Watch())  # type: ignore[arg-type]
    assert launch.run(1).warnings == ()
    assert launch.run(60).warnings == ("the GPU throttled: heat",)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (torch.cuda.OutOfMemoryError("tried to\nallocate 9 GiB"), "lacks memory .* allocate 9 GiB"),
        (RuntimeError("device-side assert"), "the GPU failed: device-side assert"),
    ],
)
def test_failures_of_the_gpu_are_one_line_of_ours(
    gpu: FakeGpu, error: Exception, message: str
) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(BackendError, match=message):
        Launch(fail, watch=None)


def test_without_a_gpu_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BackendError, match="no NVIDIA GPU that torch can use"):
        Gpu()


@pytest.mark.gpu
def test_the_gpu_tells_its_name_and_clocks() -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    told = Gpu().provenance()
    assert told["device"] == torch.cuda.get_device_name()
    if told.get("clocks") != UNWATCHED:
        assert int(told["clock_mhz"]) > 0
