"""Time of a fake GPU and of the CPU that gives it work, in microseconds."""

from __future__ import annotations

LAUNCH_US = 8.0  # CPU time of one launch from Python, of a kernel as of a whole CUDA graph
EVENT_US = 3.0  # CPU time of one recorded event


class Clock:
    """Two clocks: the CPU's, which enqueues, and the GPU's, which works in order.

    The GPU begins a piece of work when it is free and the CPU has enqueued it, whichever is later.
    So between two launches that are shorter than their enqueueing it waits, as a real one does.

    Attributes:
        cpu: time of the CPU.
        gpu: time at which the GPU has finished all enqueued work.
        recording: microseconds of the kernels of the CUDA graph being recorded; None otherwise.
        launches: number of launches so far.
    """

    def __init__(self) -> None:
        self.cpu = 0.0
        self.gpu = 0.0
        self.recording: list[float] | None = None
        self.launches = 0

    def launch(self, us: float) -> None:
        """Enqueue work that takes `us` on the GPU."""
        if self.recording is not None:
            self.recording.append(us)
            return
        self.launches += 1
        self.cpu += LAUNCH_US
        self.gpu = max(self.gpu, self.cpu) + us

    def event(self) -> float:
        """Record an event; returns the GPU's time at which it happens."""
        self.cpu += EVENT_US
        self.gpu = max(self.gpu, self.cpu)
        return self.gpu

    def wait(self) -> None:
        """Let the CPU wait for the GPU."""
        self.cpu = max(self.cpu, self.gpu)
