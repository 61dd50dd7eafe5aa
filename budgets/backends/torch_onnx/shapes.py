"""ONNX operators that move elements or return shapes, in torch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from onnx import numpy_helper
from torch import Tensor
from torch.nn import functional as F

from maenas.budgets.backends.torch_onnx.node import Make, OnnxNode, Outputs


def _reshape(node: OnnxNode) -> Callable[..., Tensor]:
    wanted = node.numbers("shape", 1) or []
    if not node.attribute("allowzero", 0):
        wanted = [node.shape()[i] if size == 0 else size for i, size in enumerate(wanted)]
    return lambda x, *_: x.reshape(wanted)


def _flatten(node: OnnxNode) -> Callable[..., Tensor]:
    axis = node.attribute("axis", 1)
    axis += node.rank() if axis < 0 else 0
    rows = 1
    for size in node.shape()[:axis]:
        rows *= size
    return lambda x: x.reshape(rows, -1)


def _squeeze(node: OnnxNode) -> Callable[..., Tensor]:
    axes = node.numbers("axes", 1)
    if axes is None:
        return lambda x, *_: x.squeeze()
    indices = tuple(int(axis) for axis in axes)
    return lambda x, *_: x.squeeze(indices)


def _unsqueeze(node: OnnxNode) -> Callable[..., Tensor]:
    axes = node.numbers("axes", 1) or []
    rank = node.rank() + len(axes)
    indices = {int(axis) % rank for axis in axes}
    sizes = iter(node.shape())
    shape = [1 if index in indices else next(sizes) for index in range(rank)]
    return lambda x, *_: x.reshape(shape)


def _shape(node: OnnxNode) -> Callable[..., Tensor]:
    sizes = node.shape()[node.attribute("start", 0) : node.attribute("end", None)]
    return lambda x: torch.tensor(sizes, dtype=torch.int64)


def _size(node: OnnxNode) -> Callable[..., Tensor]:
    count = int(torch.Size(node.shape()).numel())
    return lambda x: torch.tensor(count)


def _constant(node: OnnxNode) -> Callable[..., Tensor]:
    [(name, value)] = node.attributes.items()
    if name == "value":
        made = torch.from_numpy(numpy_helper.to_array(value).copy())
    elif name in ("value_float", "value_floats"):
        made = torch.tensor(value, dtype=torch.float32)
    elif name in ("value_int", "value_ints"):
        made = torch.tensor(value, dtype=torch.int64)
    else:
        raise node.refused(name)
    return lambda: made


def _constant_of_shape(node: OnnxNode) -> Callable[..., Tensor]:
    sizes = node.constant(0) or []
    value = node.attributes.get("value")
    if value is None:
        return lambda _: torch.zeros(sizes)
    one = torch.from_numpy(numpy_helper.to_array(value).copy())
    return lambda _: one.reshape(()).expand(sizes).clone()


def _range(start: Tensor, limit: Tensor, delta: Tensor) -> Tensor:
    return torch.arange(start.item(), limit.item(), delta.item(), dtype=start.dtype)


def _transpose(node: OnnxNode) -> Callable[..., Tensor]:
    order = node.attribute("perm", [*range(node.rank())][::-1])
    return lambda x: x.permute(order)


def _concat(node: OnnxNode) -> Callable[..., Tensor]:
    axis = node.attribute("axis", 1)
    return lambda *parts: torch.cat(parts, axis)


def _split(node: OnnxNode) -> Callable[..., Outputs]:
    axis = node.attribute("axis", 0)
    sizes = node.numbers("split", 1)
    if sizes is not None:
        return lambda x, *_: x.split(sizes, axis)
    parts = node.attribute("num_outputs", node.output_count)
    each = -(-node.shape()[axis] // parts)
    return lambda x, *_: x.split(each, axis)


def _slice(node: OnnxNode) -> Callable[..., Tensor]:
    starts, ends = node.numbers("starts", 1) or [], node.numbers("ends", 2) or []
    axes = node.numbers("axes", 3) or [*range(len(starts))]
    steps = node.constant(4) or [1] * len(starts)
    rank = node.rank()
    cuts: list[slice] = [slice(None)] * rank
    backwards: list[int] = []
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        size = node.shape()[axis]
        if step > 0:
            cuts[axis] = slice(start, end, step)
        else:  # torch has no negative step: slice forwards, then flip
            indices = range(size)[start:end:step]
            cuts[axis] = slice(indices[-1], indices[0] + 1, -step) if indices else slice(0, 0)
            backwards.append(axis % rank)
    where = tuple(cuts)
    if backwards:
        return lambda x, *_: x[where].flip(backwards)
    return lambda x, *_: x[where]


def _pad(node: OnnxNode) -> Callable[..., Tensor]:
    pads, axes = node.numbers("pads", 1) or [], node.constant(3)
    rank, mode = node.rank(), node.attribute("mode", "constant")
    value = node.numbers("value", 2)
    positions = [*range(rank)] if axes is None else [int(axis) % rank for axis in axes]
    around = [[0, 0] for _ in range(rank)]
    for index, axis in enumerate(positions):
        around[axis] = [int(pads[index]), int(pads[index + len(positions)])]
    amounts = [amount for pair in reversed(around) for amount in pair]
    if mode == "constant":
        return lambda x, *_: F.pad(x, amounts, value=value[0] if value else 0)
    names = {"reflect": "reflect", "edge": "replicate", "wrap": "circular"}
    spatial = amounts[: 2 * (rank - 2)]
    if mode not in names or any(amounts[len(spatial) :]):
        raise node.refused(f"mode {mode} beyond height and width")
    return lambda x, *_: F.pad(x, spatial, mode=names[mode])


def _gather(node: OnnxNode) -> Callable[..., Tensor]:
    axis, size = node.attribute("axis", 0), node.shape()[node.attribute("axis", 0)]
    index = node.constants[1]
    if index is not None and index.dim() == 0:
        position = int(index) % size
        return lambda x, _: x.select(axis, position)
    positions, axis = node.shape(1), axis % node.rank()
    shape = (*node.shape()[:axis], *positions, *node.shape()[axis + 1 :])
    counts_back = index is None or bool((index < 0).any())

    def run(x: Tensor, indices: Tensor) -> Tensor:
        flat = indices.reshape(-1)
        flat = flat.remainder(size) if counts_back else flat
        return x.index_select(axis, flat).reshape(shape)

    return run


def _expand(node: OnnxNode) -> Callable[..., Tensor]:
    wanted = node.constant(1) or []
    start = len(wanted) - node.rank()  # ONNX's 1 keeps the size, as torch's -1 does
    sizes = [-1 if size == 1 and index >= start else size for index, size in enumerate(wanted)]
    more = [*node.shape()[: max(0, -start)]]
    return lambda x, *_: x.expand(*more, *sizes)


def _tile(node: OnnxNode) -> Callable[..., Tensor]:
    repeats = node.constant(1) or []
    return lambda x, *_: x.repeat(repeats)


SHAPE_OPERATORS: dict[str, Make] = {
    "Concat": _concat,
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Pad": _pad,
    "Range": lambda node: _range,
    "Reshape": _reshape,
    "Shape": _shape,
    "Size": _size,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
