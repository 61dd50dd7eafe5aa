"""GPU time is taken by events around launches, of one CUDA graph where there can be one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, ClassVar

import pytest
import torch

from maenas.budgets.backends import BackendError
from maenas.budgets.backends.cuda import WARM_UP, Gpu, Launch
from maenas.budgets.backends.nvml import UNWATCHED, GpuState


class Clock:
    """The time of a GPU, in milliseconds, that only work makes pass."""

    now: ClassVar[float] = 0.0


class FakeStream:
    cuda_stream = 7

    def synchronize(self) -> None: ...


class FakeEvent:
    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing

    def record(self, stream: FakeStream) -> None:
        self.at = Clock.now

    def query(self) -> bool:
        return True

    def elapsed_time(self, end: FakeEvent) -> float:
        return end.at - self.at


class FakeGraph:
    """Replays what was recorded in a tenth of its time."""

    def replay(self) -> None:
        Clock.now += 0.2


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def recording(graph: FakeGraph, stream: FakeStream, capture_error_mode: str) -> Iterator[None]:
        assert capture_error_mode == "thread_local"
        yield

    Clock.now = 0.0
    monkeypatch.setattr(torch.cuda, "Stream", FakeStream)
    monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    monkeypatch.setattr(torch.cuda, "graph", recording)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)


def work() -> None:
    Clock.now += 2.0


def test_a_recorded_graph_is_timed_launch_by_launch(gpu: None) -> None:
    run = Launch(work, watch=None).run(5)
    assert run.ms == pytest.approx((0.2,) * 5)
    assert run.warnings == ()


def test_one_launch_goes_ahead_so_that_the_gpu_never_waits_for_the_first(gpu: None) -> None:
    launch = Launch(work, watch=None)
    before = Clock.now
    launch.run(5)
    assert Clock.now - before == pytest.approx(6 * 0.2)


def test_what_cannot_be_recorded_is_enqueued_and_every_run_says_so(gpu: None) -> None:
    calls = 0

    def unrecordable() -> None:
        nonlocal calls
        calls += 1
        if calls == WARM_UP + 1:
            raise RuntimeError("operation not permitted\nwhen stream is capturing")
        work()

    launch = Launch(unrecordable, watch=None)
    for _ in range(2):
        run = launch.run(3)
        assert run.ms == pytest.approx((2.0,) * 3)
        [warning] = run.warnings
        assert "without CUDA graph" in warning
        assert "not permitted when" in warning


def test_throttling_meanwhile_is_told(gpu: None) -> None:
    class Watch:
        def state(self) -> GpuState:
            hot = ("heat",) if Clock.now > 30 else ()
            return GpuState(None, None, None, None, hot)

    launch: Any = Launch(work, watch=Watch())  # type: ignore[arg-type]
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
    gpu: None, error: Exception, message: str
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
