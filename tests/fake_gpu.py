"""A GPU without hardware: tensors that say `cuda:0`, hold their numbers on the CPU, and do not mix.

An operator on tensors of two devices raises as on a GPU, forward and backward. Numbers are real, so
a training, an overflow in fp16 or a checkpoint run to their end. PyTorch's `FakeTensorMode` cannot:
it has no numbers to decide by, and autograd asks the driver for a stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import return_and_correct_aliasing

GPU = torch.device("cuda", 0)
GIB = 2**30
ATEN = torch.ops.aten
# Operators that copy between devices, and those that take their indices from the CPU.
COPIES = {ATEN.copy_.default, ATEN._to_copy.default, ATEN._foreach_copy_.default}
INDEXED = {ATEN.index.Tensor, ATEN.index_put_.default, ATEN.index_put.default}
# Checks of a stream by optimizers, under the names of different versions of torch.
CHECKS = ("_cuda_graph_capture_health_check", "_accelerator_graph_capture_health_check")
MOVES = {"to", "cuda", "cpu"}
SUBSTITUTES: dict[Any, Callable[..., Any]] = {}  # for operators that a CPU lacks
READS = {"tolist", "numpy", "__array__", "data_ptr"}
EMPTY = {ATEN.empty_like.default, ATEN.new_empty.default, ATEN.empty.memory_format}


class MixedDevices(RuntimeError):
    """An operator got tensors of two devices."""


class GpuTensor(torch.Tensor):
    """A tensor of the pretended GPU; its numbers are in `numbers`, on the CPU."""

    numbers: torch.Tensor

    @staticmethod
    def __new__(cls, numbers: torch.Tensor) -> GpuTensor:
        made: GpuTensor = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            numbers.size(),
            strides=numbers.stride(),
            storage_offset=numbers.storage_offset(),
            dtype=numbers.dtype,
            layout=numbers.layout,
        )
        made.numbers = numbers
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return GPU

    @property
    def is_cuda(self) -> bool:  # type: ignore[override]
        return True

    @property
    def is_cpu(self) -> bool:  # type: ignore[override]
        return False

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"GpuTensor({self.numbers!r})"

    def __deepcopy__(self, memo: dict[int, Any]) -> torch.Tensor:
        with torch.no_grad():
            made: torch.Tensor = GpuTensor(self.numbers.clone())
        made = made.requires_grad_(self.requires_grad)
        if isinstance(self, torch.nn.Parameter):
            made = torch.nn.Parameter(made, self.requires_grad)
        memo[id(self)] = made
        return made

    def __reduce_ex__(self, protocol: Any) -> Any:  # a file holds the numbers alone
        return self.numbers.__reduce_ex__(protocol)

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return run(func, args, kwargs or {})


def run(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """An operator on the numbers; its results are on the device of its arguments."""
    if func not in COPIES and func.namespace != "c10d":
        require_one_device(func, args, kwargs)
    device = kwargs.get("device")
    if device is not None and torch.device(device).type == "cuda":
        kwargs = {**kwargs, "device": torch.device("cpu")}
    plain = {name: mapped(value, inside) for name, value in kwargs.items()}
    out = SUBSTITUTES.get(func, func)(*mapped(args, inside), **plain)
    if func.namespace == "c10d":  # it has written into its arguments
        return out
    if func in EMPTY and out.is_floating_point():
        out.fill_(float("nan"))  # memory of a GPU holds anything
    return return_and_correct_aliasing(func, args, kwargs, mapped(out, outside))


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """A value, or the members of a list or tuple, changed."""
    if isinstance(value, list | tuple):
        return type(value)([mapped(each, change) for each in value])
    return change(value)


def inside(value: Any) -> Any:
    """The numbers of a tensor of the GPU; anything else as it is."""
    return value.numbers if isinstance(value, GpuTensor) else value


def outside(value: Any) -> Any:
    """A tensor as one of the GPU; anything else as it is."""
    return GpuTensor(value) if isinstance(value, torch.Tensor) else value


def require_one_device(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise `MixedDevices` for tensors of two devices; a number in a CPU tensor is no tensor."""
    if func in INDEXED:
        args = (args[0], *args[2:])
    tensors: list[torch.Tensor] = []
    for each in (*args, *kwargs.values()):
        members = each if isinstance(each, list | tuple) else (each,)
        tensors += [member for member in members if isinstance(member, torch.Tensor)]
    if all(isinstance(each, GpuTensor) for each in tensors):
        return
    if any(each.dim() > 0 for each in tensors if not isinstance(each, GpuTensor)):
        where = [f"{each.device.type}{list(each.shape)}" for each in tensors]
        raise MixedDevices(f"{func}: got {', '.join(where)}.")


class ToGpu(torch.autograd.Function):
    """The copy from the CPU to the GPU."""

    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor) -> torch.Tensor:
        return GpuTensor(tensor.detach().clone())

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads[0].numbers


class ToCpu(torch.autograd.Function):
    """The copy from the GPU to the CPU."""

    @staticmethod
    def forward(ctx: Any, tensor: Any) -> torch.Tensor:
        copied: torch.Tensor = tensor.numbers.clone()
        return copied

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return GpuTensor(grads[0])


class Pretended(TorchFunctionMode):
    """Calls that name the GPU as a device get it.

    Attributes:
        pinned: number of tensors that were put in pinned memory.
    """

    pinned = 0

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name in MOVES:
            return moved(name, func, args, dict(kwargs or {}))
        if name in READS and isinstance(args[0], GpuTensor):
            if name == "tolist":
                return args[0].numbers.tolist()
            raise MixedDevices(f"{name}: the numbers are on the GPU; copy them to the CPU first.")
        if name == "pin_memory":
            self.pinned += 1
            return args[0]
        if not kwargs:
            return func(*args)
        device = kwargs.get("device")
        if device is None:
            return func(*args, **kwargs)
        made = func(*args, **{**kwargs, "device": torch.device("cpu")})
        return made if torch.device(device).type == "cpu" else on_gpu(made)


def moved(name: str, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`tensor.to(...)`, `.cuda()` or `.cpu()`."""
    tensor, *rest = args
    device = {"cuda": GPU, "cpu": torch.device("cpu")}.get(name)
    if name == "to":
        if rest and isinstance(rest[0], torch.Tensor):
            device, rest[0] = rest[0].device, rest[0].dtype
        elif rest and isinstance(rest[0], str | torch.device):
            device = torch.device(rest.pop(0))
        elif kwargs.get("device") is not None:
            device = torch.device(kwargs.pop("device"))
        kinds = [each for each in rest if isinstance(each, torch.dtype)]
        kwargs = {
            key: value
            for key, value in kwargs.items()
            if key != "non_blocking" and value is not None
        }
        if kinds or kwargs:
            tensor = func(tensor, *kinds, **kwargs)
    if device is None or device.type == tensor.device.type:
        return tensor
    return on_gpu(tensor) if device.type == "cuda" else ToCpu.apply(tensor)


def on_gpu(tensor: torch.Tensor) -> torch.Tensor:
    """A copy of a tensor on the GPU."""
    if isinstance(tensor, GpuTensor):
        return tensor
    if tensor.requires_grad and tensor.is_leaf:
        return GpuTensor(tensor.detach()).requires_grad_()
    made: torch.Tensor = ToGpu.apply(tensor)
    return made


@contextmanager
def pretended_gpu(has_bf16: bool = True) -> Iterator[Pretended]:
    """A machine with one GPU, for this block."""
    answers: dict[str, Any] = {
        "is_available": True,
        "device_count": 1,
        "current_device": 0,
        "is_bf16_supported": has_bf16,
        "mem_get_info": (8 * GIB, 8 * GIB),
        "memory_allocated": 0,
        "set_device": None,
        "empty_cache": None,
        "synchronize": None,
        "reset_peak_memory_stats": None,
        "max_memory_allocated": GIB,
        "is_current_stream_capturing": False,
    }
    overwrites = torch.__future__.get_overwrite_module_params_on_conversion()
    with pytest.MonkeyPatch.context() as patch, Pretended() as pretended:
        for name, answer in answers.items():
            patch.setattr(torch.cuda, name, lambda *_, answer=answer, **__: answer)
        patch.setattr(torch.accelerator, "is_available", lambda: True)
        for name in CHECKS:
            patch.setattr(torch.optim.Optimizer, name, lambda _: None, raising=False)
        patch.setattr(torch.amp.autocast, "__init__", on_cpu(torch.amp.autocast.__init__))
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        try:
            yield pretended
        finally:
            torch.__future__.set_overwrite_module_params_on_conversion(overwrites)


def on_cpu(init: Any) -> Any:
    """Autocast of the CPU, whose numbers are those of the pretended GPU."""

    @wraps(init)
    def changed(self: Any, device_type: str, *args: Any, **kwargs: Any) -> None:
        init(self, "cpu", *args, **kwargs)

    return changed
