"""ONNX operators in torch that select, sample or normalise: top k, gather, grids, LayerNorm."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from maenas.budgets.backends.torch_onnx.node import Make, OnnxNode

MODES = {"linear": "bilinear", "bilinear": "bilinear", "nearest": "nearest", "cubic": "bicubic",
         "bicubic": "bicubic"}  # fmt: skip


def _top_k(node: OnnxNode) -> Callable[..., tuple[Tensor, ...]]:
    axis = node.attribute("axis", -1)
    largest, in_order = bool(node.attribute("largest", 1)), bool(node.attribute("sorted", 1))
    (count,) = node.numbers("k", 1) or [1]

    def run(x: Tensor, *_: Tensor) -> tuple[Tensor, ...]:
        values, indices = torch.topk(x, count, axis, largest, in_order)
        return values, indices

    return run


def _arg_max(node: OnnxNode) -> Callable[..., Tensor]:
    axis, keep = node.attribute("axis", 0), bool(node.attribute("keepdims", 1))
    return lambda x: x.argmax(axis, keepdim=keep)


def _gather_elements(node: OnnxNode) -> Callable[..., Tensor]:
    axis = node.attribute("axis", 0)
    size = node.shape()[axis]
    return lambda x, indices: torch.gather(x, axis, indices.remainder(size).long())


def _gather_nd(node: OnnxNode) -> Callable[..., Tensor]:
    if node.attribute("batch_dims", 0):
        raise node.refused("batch_dims")
    return lambda x, indices: x[tuple(indices.long().unbind(-1))]


def _scatter_nd(node: OnnxNode) -> Callable[..., Tensor]:
    if node.attribute("reduction", "none") != "none":
        raise node.refused("reduction")

    def run(x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
        return x.index_put(tuple(indices.long().unbind(-1)), updates)

    return run


def _grid_sample(node: OnnxNode) -> Callable[..., Tensor]:
    mode = MODES.get(node.attribute("mode", "linear"))
    if mode is None:
        raise node.refused(f"mode {node.attribute('mode', '')}")
    padding, corners = node.attribute("padding_mode", "zeros"), node.attribute("align_corners", 0)
    return lambda x, grid: F.grid_sample(x, grid, mode, padding, bool(corners))


def _layer_norm(node: OnnxNode) -> Callable[..., Tensor]:
    if node.output_count > 1:
        raise node.refused("mean and deviation as outputs")
    shape = node.shape()[node.attribute("axis", -1) :]
    epsilon = float(node.attribute("epsilon", 1e-5))

    def run(x: Tensor, scale: Tensor, shift: Tensor | None = None) -> Tensor:
        return F.layer_norm(x, shape, scale.expand(shape), shift, epsilon)

    return run


def _instance_norm(node: OnnxNode) -> Callable[..., Tensor]:
    epsilon = float(node.attribute("epsilon", 1e-5))
    channels = node.shape()[1]  # normalising in one group per channel needs no running statistics
    return lambda x, scale, shift: F.group_norm(x, channels, scale, shift, epsilon)


SELECTION_OPERATORS: dict[str, Make] = {
    "ArgMax": _arg_max,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "GridSample": _grid_sample,
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "ScatterND": _scatter_nd,
    "TopK": _top_k,
}
