"""What both GPU runtimes share: the device, launches as one CUDA graph, and time by events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch

from maenas.budgets.backends.backend import BackendError, Run
from maenas.budgets.backends.nvml import (
    UNWATCHED,
    GpuWatch,
    driver_version,
    open_watch,
    throttle_warnings,
)

WARM_UP = 10  # launches: kernels are loaded, algorithms chosen, clocks raised
TIMING = {"launch": "CUDA graph", "time": "GPU compute by events, without copies"}
NO_GPU = "no NVIDIA GPU that torch can use was found"


class Gpu:
    """The first GPU that torch sees, which is the one `CUDA_VISIBLE_DEVICES` leaves first.

    Raises:
        BackendError: if there is none.
    """

    def __init__(self) -> None:
        if not torch.cuda.is_available():
            raise BackendError(f"{NO_GPU}; torch {torch.__version__} runs on this machine's CPU.")
        self.name = torch.cuda.get_device_name()
        self.capability = ".".join(map(str, torch.cuda.get_device_capability()))

    @cached_property
    def watch(self) -> GpuWatch | None:
        """Where NVML is installed."""
        return open_watch(str(torch.cuda.get_device_properties(0).uuid))

    def provenance(self) -> Mapping[str, str | int | float]:
        """Name, driver and clocks of the GPU."""
        known: dict[str, str | int | float] = {
            "device": self.name,
            "compute_capability": self.capability,
            "cuda": str(torch.version.cuda),
            "driver": driver_version(),
        }
        watched = {"clocks": UNWATCHED} if self.watch is None else self.watch.provenance()
        return {**known, **watched}


class Launch:
    """Work on one stream of the GPU, recorded as a CUDA graph where that can be done.

    A graph takes the CPU out of what is measured: all kernels are launched at once. Where recording
    fails the work is enqueued each time, and every `Run` says so.

    Args:
        work: enqueues one inference on the current stream; its memory stays in place.
        watch: over the GPU.
    Raises:
        BackendError: if the GPU fails or lacks memory.
    """

    def __init__(self, work: Callable[[], Any], watch: GpuWatch | None) -> None:
        self._work = work
        self._watch = watch
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._warnings: tuple[str, ...] = ()
        self._launch: Callable[[], Any] = work
        with told_as_ours(), torch.cuda.stream(self._stream):
            torch.cuda.synchronize()  # buffers are filled on another stream
            for _ in range(WARM_UP):
                work()
            self._stream.synchronize()
        self._record()
        self.run(WARM_UP)

    def run(self, count: int) -> Run:
        """Milliseconds of `count` inferences on the GPU.

        All are enqueued before the first is waited for, and one more ahead of them: a GPU that
        waited for the CPU would count that wait.

        Raises:
            BackendError: if the GPU fails.
        """
        before = self._watch.state() if self._watch else None
        with told_as_ours(), torch.cuda.stream(self._stream):
            pairs = [(_event(), _event()) for _ in range(count)]
            self._launch()
            for start, end in pairs:
                start.record(self._stream)
                self._launch()
                end.record(self._stream)
            while not pairs[-1][1].query():  # type: ignore[no-untyped-call]  # waiting asleep would let the clocks drop
                pass
            ms = tuple(start.elapsed_time(end) for start, end in pairs)
        throttled: tuple[str, ...] = ()
        if self._watch and before:
            throttled = throttle_warnings(before, self._watch.state())
        return Run(ms, warnings=(*self._warnings, *throttled))

    def _record(self) -> None:
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
                self._work()
        except (RuntimeError, BackendError) as error:
            reason = " ".join(str(error).split())[:200]
            self._warnings = (f"without CUDA graph, launches are counted: {reason}",)
        else:
            self._launch = graph.replay

    def wait(self) -> None:
        """Until the GPU has done all of it."""
        self._stream.synchronize()

    @contextmanager
    def on_stream(self) -> Iterator[int]:
        """The stream's address, made the current one."""
        with told_as_ours(), torch.cuda.stream(self._stream):
            yield self._stream.cuda_stream


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]


@contextmanager
def told_as_ours() -> Iterator[None]:
    """Failures of the GPU as `BackendError`."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        reason = " ".join(str(error).split())[:200]
        raise BackendError(f"the GPU lacks memory for the model: {reason}") from None
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise BackendError(f"the GPU failed: {reason}") from None
