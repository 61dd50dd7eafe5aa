"""The calls that torch runs and the calls that operators predict, for the contract tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from maenas.blocks import Op

Call = tuple[Any, ...]  # name, then everything that determines its cost


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records every operator that torch runs, from any module or function."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.run: list[Call] = []

    def __torch_dispatch__(
        self,
        func: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        self.run.append(seen(func._schema.name.removeprefix("aten::"), args, out))
        return out


def seen(name: str, args: tuple[Any, ...], out: Any) -> Call:
    """The record of one torch call; an unknown operator is recorded by its name."""
    match name:
        case "convolution":
            x, weight, bias, stride, padding, dilation, transposed, _, groups = args
            assert bias is not None
            assert not transposed
            assert dilation == [1, 1]
            shape = tuple(weight.shape)
            return (name, unbatched(x), unbatched(out), shape, stride, padding, groups)
        case "max_pool2d_with_indices" | "avg_pool2d":
            x, kernel, stride, *_ = args
            pooled = out[0] if isinstance(out, tuple) else out
            return (name, unbatched(x), unbatched(pooled), list(kernel), list(stride))
        case "mean":
            x, dims, *_ = args
            return (name, unbatched(x), unbatched(out), dims)
        case "slice" if out.dim() == 4:
            x, dim, start, _, step = args
            return (name, dim, start, step)
        case _:
            return (name, unbatched(out))


def calls(op: Op) -> Iterator[Call]:
    """The torch calls of one operator, fused parts included."""
    kernel, stride = list(op.kernel), list(op.strides)
    match op.kind:
        case "conv":
            weight = (op.out_shape[0], op.in_shape[0] // op.groups, *kernel)
            padding = [side // 2 for side in kernel]
            yield ("convolution", op.in_shape, op.out_shape, weight, stride, padding, op.groups)
        case "max_pool":
            yield ("max_pool2d_with_indices", op.in_shape, op.out_shape, kernel, stride)
        case "avg_pool":
            yield ("avg_pool2d", op.in_shape, op.out_shape, kernel, stride)
        case "global_pool":
            yield ("mean", op.in_shape, op.out_shape, [-1, -2])
        case "upsample":
            yield ("upsample_nearest2d", op.out_shape)
        case "concat":
            yield ("cat", op.out_shape)
        case "slice":  # even and odd rows, then even and odd columns of both, concatenated
            yield from (("slice", 2, first, 2) for first in (0, 1))
            yield from (("slice", 3, first, 2) for first in (0, 0, 1, 1))
            yield ("cat", op.out_shape)
        case "decode":  # probabilities of the bins for each side and position, then their mean
            channels, height, width = op.in_shape
            yield ("_softmax", (height * width, 4, channels // 4))
            yield ("mv", (4 * height * width,))
        case _:
            yield (op.kind, op.out_shape)
    if op.adds:
        yield ("add", op.out_shape)
    if op.act != "none":
        yield (op.act, op.out_shape)


def unbatched(tensor: torch.Tensor) -> tuple[int, ...]:
    """The shape (channels, height, width) of a map without its batch dimension of 1."""
    batch, *shape = tensor.shape
    return tuple(shape) if batch == 1 else tuple(tensor.shape)


def trained(module: nn.Module) -> nn.Module:
    """The module in eval mode and float64, with BatchNorm statistics as after a training."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias)
            assert layer.running_mean is not None
            assert layer.running_var is not None
            nn.init.normal_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
    return module.double().eval()
