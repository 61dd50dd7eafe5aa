"""`torch.cuda` of a machine with one GPU, on a machine without any.

Tensors "on the GPU" are tensors of the CPU: a torch function mode replaces the device of every call
that names one. Numbers are therefore real, and times come from `Clock`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode

from tests.cuda_on_cpu.clock import Clock

CPU = torch.device("cpu")
NAME = "NVIDIA Fake T4"
CAPABILITY = (8, 0)
MEMORY = 16 << 30
# Functions whose calls a test may count: allocations, and copies between the GPU and the CPU.
# Checks of a stream by optimizers, under the names of different versions of torch.
CHECKS = ("_cuda_graph_capture_health_check", "_accelerator_graph_capture_health_check")
ALLOCATIONS = (torch.empty, torch.zeros, torch.empty_like, torch.zeros_like)
MOVES = {
    torch.Tensor.cuda: "cuda",
    torch.Tensor.cpu: "cpu",
    torch.Tensor.to: "to",
    torch.Tensor.copy_: "copy_",
    torch.Tensor.pin_memory: "pin_memory",
}


class FakeGpu(TorchFunctionMode):
    """The mode that redirects devices, with a record of what was asked of the GPU.

    Attributes:
        clock: time of the GPU.
        calls: names of allocations and of copies since the last `calls.clear()`. A copy that does
            not wait is named with "async".
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.calls: list[str] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.device:  # a device keeps its name; what is put on it does not
            return func(*args, **kwargs)
        self._note(func, args, kwargs)
        if func is torch.Tensor.cuda:
            return args[0].clone()
        if func is torch.Tensor.pin_memory:
            return args[0].clone()
        if func is torch.Tensor.is_pinned:
            return True
        kwargs.pop("pin_memory", None)
        args = tuple(_on_cpu(value) for value in args)
        kwargs = {name: _on_cpu(value) for name, value in kwargs.items()}
        return func(*args, **kwargs)

    def _note(self, func: Any, args: Any, kwargs: dict[str, Any]) -> None:
        if func in ALLOCATIONS:
            self.calls.append("pinned" if kwargs.get("pin_memory") else "allocate")
        elif func in MOVES:
            waits = "" if kwargs.get("non_blocking") or _says_yes(args) else "blocking "
            self.calls.append(f"{waits}{MOVES[func]}")


def _says_yes(args: Any) -> bool:
    """Whether a positional argument is True, as in `copy_(source, True)`."""
    return any(value is True for value in args[1:])


def _on_cpu(value: Any) -> Any:
    """The CPU in place of a CUDA device."""
    if isinstance(value, torch.device) and value.type == "cuda":
        return CPU
    if isinstance(value, str) and (value == "cuda" or value.startswith("cuda:")):
        return "cpu"
    return value


def _passes(optimizer: torch.optim.Optimizer) -> None:
    """A check of the stream that asks the driver."""


class Stream:
    """A stream; all of them share one clock."""

    cuda_stream = 7

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def synchronize(self) -> None:
        """Wait for the GPU."""
        self._clock.wait()

    def wait_stream(self, stream: object) -> None:
        """All work is in order anyway."""


class Event:
    """A moment on the GPU's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.at = 0.0

    def record(self, stream: object = None) -> None:
        """Take the time."""
        self.at = self._clock.event()

    def query(self) -> bool:
        """Whether the event has happened; asking waits for it."""
        self._clock.wait()
        return True

    def synchronize(self) -> None:
        """Wait for the event."""
        self._clock.wait()

    def elapsed_time(self, end: Event) -> float:
        """Milliseconds from this event to another."""
        return (end.at - self.at) / 1e3


class Graph:
    """A recorded CUDA graph, which is replayed by one launch."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.us: list[float] = []

    def replay(self) -> None:
        """Launch all that was recorded."""
        self._clock.launch(sum(self.us))


class CpuGenerator(torch.Generator):
    """A generator of the CPU, whatever device it is asked for."""

    def __new__(cls, device: Any = "cpu") -> CpuGenerator:
        return super().__new__(cls, _on_cpu(device))  # type: ignore[call-arg]


class _Autocast(torch.autocast):
    """Autocast of the CPU, where the tensors really are."""

    def __init__(self, device_type: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(_on_cpu(device_type), *args, **kwargs)


@contextmanager
def fake_gpu(clock: Clock | None = None) -> Iterator[FakeGpu]:
    """Give torch a GPU inside the block, whose tensors are tensors of the CPU."""
    time = clock or Clock()
    gpu = FakeGpu(time)
    checks: dict[str, Any] = dict.fromkeys(CHECKS, _passes)
    with (
        fake_cuda(time),
        mock.patch.multiple(torch, Generator=CpuGenerator, autocast=_Autocast),
        mock.patch.multiple(torch.optim.Optimizer, create=True, **checks),
        gpu,
    ):
        yield gpu


@contextmanager
def fake_cuda(time: Clock) -> Iterator[None]:
    """Give `torch.cuda` one GPU inside the block: its properties, streams, events and graphs."""

    @contextmanager
    def record(graph: Graph, stream: object = None, **options: Any) -> Iterator[None]:
        time.recording = graph.us
        try:
            yield
        finally:
            time.recording = None

    properties = SimpleNamespace(
        name=NAME, uuid="0", total_memory=MEMORY, multi_processor_count=40, L2_cache_size=4 << 20
    )
    current = Stream(time)
    fakes: dict[str, Any] = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "set_device": lambda device: None,
        "get_device_name": lambda device=None: NAME,
        "get_device_capability": lambda device=None: CAPABILITY,
        "get_device_properties": lambda device=None: properties,
        "is_bf16_supported": lambda including_emulation=True: True,
        "mem_get_info": lambda device=None: (MEMORY, MEMORY),
        "memory_allocated": lambda device=None: 1 << 30,
        "max_memory_allocated": lambda device=None: 2 << 30,
        "reset_peak_memory_stats": lambda device=None: None,
        "empty_cache": lambda: None,
        "is_current_stream_capturing": lambda: False,
        "synchronize": lambda device=None: time.wait(),
        "Stream": lambda *args, **kwargs: Stream(time),
        "current_stream": lambda device=None: current,
        "Event": lambda enable_timing=False, **kwargs: Event(time),
        "CUDAGraph": lambda: Graph(time),
        "graph": record,
        "stream": lambda stream: nullcontext(),
    }
    with mock.patch.multiple(torch.cuda, **fakes):
        yield
