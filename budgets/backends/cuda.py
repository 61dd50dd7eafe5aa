"""Shared code of both GPU runtimes: the device, CUDA graph launches, timing by CUDA events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from math import ceil
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

WARM_UP = 10  # launches that load kernels, choose algorithms and raise the clocks
# Python launches a CUDA graph and its two events in about 0.02 ms. During a shorter graph the GPU
# waits for Python, and the wait is measured; so short work is recorded several times in one graph.
SHORTEST_MS = 0.2
MOST_COPIES = 256  # inferences in one graph, of which the shortest takes a microsecond
PROBES = 3  # launches from which the length of a graph is judged
TIMING = {
    "launch": f"CUDA graph of {SHORTEST_MS} ms or longer, by repeated inferences",
    "time": "GPU compute by events, without copies",
}
NO_GPU = "no NVIDIA GPU that torch can use was found"


class Gpu:
    """The first GPU that torch sees, that is, the first one in `CUDA_VISIBLE_DEVICES`.

    Raises:
        BackendError: if torch sees no GPU.
    """

    def __init__(self) -> None:
        if not torch.cuda.is_available():
            raise BackendError(f"{NO_GPU}; torch {torch.__version__} runs on this machine's CPU.")
        self.name = torch.cuda.get_device_name()
        self.capability = ".".join(map(str, torch.cuda.get_device_capability()))

    @cached_property
    def watch(self) -> GpuWatch | None:
        """NVML's view of the GPU; None if NVML is not available."""
        return open_watch(str(torch.cuda.get_device_properties(0).uuid))

    def provenance(self) -> Mapping[str, str | int | float]:
        """Return name, driver and clocks of the GPU."""
        known: dict[str, str | int | float] = {
            "device": self.name,
            "compute_capability": self.capability,
            "cuda": str(torch.version.cuda),
            "driver": driver_version(),
        }
        watched = {"clocks": UNWATCHED} if self.watch is None else self.watch.provenance()
        return {**known, **watched}


class Launch:
    """Work on one stream of the GPU, recorded as a CUDA graph if possible.

    A CUDA graph launches all kernels at once, so that CPU time is not measured. Work that is
    shorter than its launch is recorded several times in one graph. If recording fails, the work is
    enqueued kernel by kernel each time, and every `Run` has a warning.

    Attributes:
        copies: number of inferences in one launch.

    Args:
        work: function that enqueues one inference on the current stream; its buffers must not move.
        watch: NVML's view of the GPU; None if NVML is not available.
    Raises:
        BackendError: if the GPU fails or lacks memory.
    """

    def __init__(self, work: Callable[[], Any], watch: GpuWatch | None) -> None:
        self._work = work
        self._watch = watch
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._warnings: tuple[str, ...] = ()
        self._launch: Callable[[], Any] = work
        self.copies = 1
        with as_backend_error(), torch.cuda.stream(self._stream):
            torch.cuda.synchronize()  # another stream fills the buffers
            for _ in range(WARM_UP):
                work()
            self._stream.synchronize()
        if self._record(1):
            self._lengthen()
        self.run(WARM_UP)

    def run(self, count: int) -> Run:
        """Measure the milliseconds of an inference on the GPU, `count` times.

        All launches, and an extra one before them, are enqueued before this function waits.
        Otherwise the measured time would include the GPU's wait for the CPU. A launch of several
        inferences gives their mean.

        Raises:
            BackendError: if the GPU fails.
        """
        before = self._watch.state() if self._watch else None
        with as_backend_error(), torch.cuda.stream(self._stream):
            pairs = [(_event(), _event()) for _ in range(count)]
            self._launch()
            for start, end in pairs:
                start.record(self._stream)
                self._launch()
                end.record(self._stream)
            while not pairs[-1][1].query():  # type: ignore[no-untyped-call]  # a sleeping wait would let the clocks drop
                pass
            ms = tuple(start.elapsed_time(end) / self.copies for start, end in pairs)
        throttled: tuple[str, ...] = ()
        if self._watch and before:
            throttled = throttle_warnings(before, self._watch.state())
        return Run(ms, warnings=(*self._warnings, *throttled))

    def _record(self, copies: int) -> bool:
        """Record a graph of several inferences; returns whether it worked."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
                for _ in range(copies):
                    self._work()
        except (RuntimeError, BackendError) as error:
            if copies == 1:
                reason = " ".join(str(error).split())[:200]
                self._warnings = (f"without CUDA graph, launches are counted: {reason}",)
            return False
        self._launch, self.copies = graph.replay, copies
        return True

    def _lengthen(self) -> None:
        """Record more inferences in one graph until it is long enough to hide its launch."""
        while self.copies < MOST_COPIES:
            ms = min(self.run(PROBES).ms) * self.copies
            if ms >= SHORTEST_MS:
                return
            wanted = ceil(self.copies * SHORTEST_MS / max(ms, 1e-6))
            if not self._record(min(MOST_COPIES, max(2 * self.copies, wanted))):
                return

    def wait(self) -> None:
        """Wait until the GPU has finished all work on the stream."""
        self._stream.synchronize()

    @contextmanager
    def on_stream(self) -> Iterator[int]:
        """Make the stream current and yield its address."""
        with as_backend_error(), torch.cuda.stream(self._stream):
            yield self._stream.cuda_stream


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]


@contextmanager
def as_backend_error() -> Iterator[None]:
    """Turn GPU errors into `BackendError`."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        reason = " ".join(str(error).split())[:200]
        raise BackendError(f"the GPU lacks memory for the model: {reason}") from None
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise BackendError(f"the GPU failed: {reason}") from None
