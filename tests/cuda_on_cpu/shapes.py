"""A GPU whose tensors have shapes and devices and no numbers: PyTorch's fake tensors, on a clock.

Nothing is computed, so networks of full size run at once, and an operator on tensors of two devices
raises as on a GPU. Every operator is a kernel whose time is a roofline of its traffic and products.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from tests.cuda_on_cpu.clock import Clock
from tests.cuda_on_cpu.cuda import CpuGenerator

GPU = torch.device("cuda", 0)  # with an index: without, torch asks the driver for the present one
KERNEL_US = 25.0  # long, so that few inferences fill one CUDA graph
BYTES_US, FLOPS_US = 250e3, 30e6
ENLARGING = {torch.ops.aten.upsample_nearest2d.vec}


class _Indexed(TorchFunctionMode):
    """The first GPU wherever "cuda" is asked for; random numbers are left out."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.Tensor.uniform_:
            return args[0]
        if func is torch.device:
            return func(*args, **kwargs)
        placed = {name: _placed(value) for name, value in kwargs.items()}
        return func(*map(_placed, args), **placed)


def _placed(value: Any) -> Any:
    if isinstance(value, torch.device):
        return GPU if value.type == "cuda" else value
    return GPU if isinstance(value, str) and value == "cuda" else value


def _enlarged(maps: torch.Tensor, size: Any, *_: Any) -> torch.Tensor:
    """Maps of another size; torch's own shape function asks the driver about a layout."""
    return maps.new_empty((*maps.shape[:2], *size))


class _Timed(TorchDispatchMode):
    """The clock of the GPU, which every kernel moves on."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        out = _enlarged(*args) if func in ENLARGING else func(*args, **kwargs)
        made = [each for each in (out if isinstance(out, list | tuple) else (out,))]
        tensors = [each for each in (*made, *args) if isinstance(each, torch.Tensor)]
        if not func.is_view and any(each.device == GPU for each in tensors):
            traffic = sum(each.numel() * each.element_size() for each in tensors)
            count = flop_registry.get(func._overloadpacket)
            flops = count(*args, **kwargs, out_val=out) if count else 0
            self.clock.launch(KERNEL_US + max(traffic / BYTES_US, flops / FLOPS_US))
        return out


@contextmanager
def shapes_gpu(clock: Clock) -> Iterator[None]:
    """Put what is made in the block on a GPU without numbers, beside `fake_cuda`."""
    no_context = mock.patch("torch._subclasses.fake_tensor.init_gpu_context")
    with (
        no_context,
        mock.patch.object(torch, "Generator", CpuGenerator),
        FakeTensorMode(allow_non_fake_inputs=True),
        _Timed(clock),
        _Indexed(),
    ):
        yield
