"""ONNX operators in torch, by name; https://onnx.ai/onnx/operators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from onnx import helper
from torch import Tensor
from torch.nn import functional as F

from maenas.budgets.backends.torch_onnx.maps import MAP_OPERATORS
from maenas.budgets.backends.torch_onnx.node import Make, OnnxNode
from maenas.budgets.backends.torch_onnx.selection import SELECTION_OPERATORS
from maenas.budgets.backends.torch_onnx.shapes import SHAPE_OPERATORS


def same(call: Callable[..., Any]) -> Make:
    """Convert an operator without parameters."""
    return lambda node: call


def folded(call: Callable[[Tensor, Tensor], Tensor]) -> Make:
    """Convert an operator of any number of inputs to calls with two inputs."""

    def run(first: Tensor, *more: Tensor) -> Tensor:
        for other in more:
            first = call(first, other)
        return first

    return lambda node: run


def with_alpha(call: Callable[[Tensor, float], Tensor], default: float) -> Make:
    """Convert an activation with the parameter alpha."""

    def make(node: OnnxNode) -> Callable[..., Tensor]:
        alpha = float(node.attribute("alpha", default))
        return lambda x: call(x, alpha)

    return make


def _clip(node: OnnxNode) -> Callable[..., Tensor]:
    low, high = node.numbers("min", 1), node.numbers("max", 2)
    least, most = low[0] if low else None, high[0] if high else None
    return lambda x, *_: x if least is most is None else x.clamp(least, most)


def _hard_sigmoid(node: OnnxNode) -> Callable[..., Tensor]:
    alpha, beta = float(node.attribute("alpha", 0.2)), float(node.attribute("beta", 0.5))
    return lambda x: (x * alpha + beta).clamp(0, 1)


def _selu(node: OnnxNode) -> Callable[..., Tensor]:
    alpha = float(node.attribute("alpha", 1.6732632423543772))
    gamma = float(node.attribute("gamma", 1.0507009873554805))
    return lambda x: gamma * F.elu(x, alpha)


def _gelu(node: OnnxNode) -> Callable[..., Tensor]:
    approximate = node.attribute("approximate", "none")
    return lambda x: F.gelu(x, approximate=approximate)


def _prelu(x: Tensor, slope: Tensor) -> Tensor:
    return torch.where(x < 0, x * slope, x)


def _div(x: Tensor, y: Tensor) -> Tensor:
    return x / y if x.is_floating_point() else torch.div(x, y, rounding_mode="trunc")


def _mod(node: OnnxNode) -> Callable[..., Tensor]:
    return torch.fmod if node.attribute("fmod", 0) else torch.remainder


def _pow(x: Tensor, y: Tensor) -> Tensor:
    return torch.pow(x, y).to(x.dtype)


def _cast(node: OnnxNode) -> Callable[..., Tensor]:
    numpy_type = helper.tensor_dtype_to_np_dtype(node.attribute("to", 1))
    kind = getattr(torch, str(numpy_type))
    return lambda x: x.to(kind)


def _quantise(node: OnnxNode) -> Callable[..., Tensor]:
    axis, rank = node.attribute("axis", 1), node.rank()
    zero = node.inputs[2] if node.has(2) else None
    kind = torch.uint8 if zero is None else zero.dtype
    least, most = torch.iinfo(kind).min, torch.iinfo(kind).max

    def run(x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
        steps = torch.round(x / _along(scale, axis, rank))
        if zero is not None:
            steps = steps + _along(zero, axis, rank)
        return steps.clamp(least, most).to(kind)

    return run


def _dequantise(node: OnnxNode) -> Callable[..., Tensor]:
    axis, rank = node.attribute("axis", 1), node.rank()

    def run(x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
        steps = x.to(scale.dtype)
        if zero is not None:
            steps = steps - _along(zero, axis, rank).to(scale.dtype)
        return steps * _along(scale, axis, rank)

    return run


def _along(value: Tensor, axis: int, rank: int) -> Tensor:
    """Reshape a scalar, or one value per index of an axis, so that it broadcasts."""
    if value.numel() == 1:
        return value.reshape(())
    shape = [1] * rank
    shape[axis] = -1
    return value.reshape(shape)


def reduction(call: Callable[..., Tensor]) -> Make:
    """Convert a reduction whose axes are an attribute or an input, depending on the opset."""

    def make(node: OnnxNode) -> Callable[..., Tensor]:
        axes = node.numbers("axes", 1)
        if not axes and node.attribute("noop_with_empty_axes", 0):
            return lambda x, *_: x
        indices: Sequence[int] = axes or [*range(node.rank())]
        keep = bool(node.attribute("keepdims", 1))
        return lambda x, *_: call(x, indices, keepdim=keep)

    return make


def _euclidean(x: Tensor, axes: Sequence[int], keepdim: bool) -> Tensor:
    return torch.sqrt(torch.sum(x * x, list(axes), keepdim=keepdim))


def _softmax(node: OnnxNode) -> Callable[..., Tensor]:
    if node.opset >= 13:
        axis = node.attribute("axis", -1)
        return lambda x: x.softmax(axis)
    axis = node.attribute("axis", 1)  # old opsets join the axes from here on
    return lambda x: x.flatten(axis).softmax(-1).reshape(x.shape)


def _gemm(node: OnnxNode) -> Callable[..., Tensor]:
    turn_a, turn_b = node.attribute("transA", 0), node.attribute("transB", 0)
    alpha, beta = float(node.attribute("alpha", 1.0)), float(node.attribute("beta", 1.0))

    def run(a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
        a, b = a.T if turn_a else a, b.T if turn_b else b
        return alpha * (a @ b) if c is None else torch.addmm(c, a, b, beta=beta, alpha=alpha)

    return run


OPERATORS: dict[str, Make] = {
    **MAP_OPERATORS,
    **SELECTION_OPERATORS,
    **SHAPE_OPERATORS,
    "Abs": same(torch.abs),
    "Add": same(torch.add),
    "And": same(torch.logical_and),
    "Cast": _cast,
    "Ceil": same(torch.ceil),
    "Celu": with_alpha(lambda x, alpha: F.celu(x, alpha), 1.0),
    "Clip": _clip,
    "Cos": same(torch.cos),
    "DequantizeLinear": _dequantise,
    "Div": same(_div),
    "Dropout": same(lambda x, *_: x),
    "Elu": with_alpha(lambda x, alpha: F.elu(x, alpha), 1.0),
    "Equal": same(torch.eq),
    "Erf": same(torch.erf),
    "Exp": same(torch.exp),
    "Floor": same(torch.floor),
    "Gelu": _gelu,
    "Gemm": _gemm,
    "Greater": same(torch.gt),
    "GreaterOrEqual": same(torch.ge),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": same(F.hardswish),
    "Identity": same(lambda x: x),
    "LeakyRelu": with_alpha(lambda x, alpha: F.leaky_relu(x, alpha), 0.01),
    "Less": same(torch.lt),
    "LessOrEqual": same(torch.le),
    "Log": same(torch.log),
    "MatMul": same(torch.matmul),
    "Max": folded(torch.maximum),
    "Min": folded(torch.minimum),
    "Mish": same(F.mish),
    "Mod": _mod,
    "Mul": same(torch.mul),
    "Neg": same(torch.neg),
    "Not": same(torch.logical_not),
    "Or": same(torch.logical_or),
    "PRelu": same(_prelu),
    "Pow": same(_pow),
    "QuantizeLinear": _quantise,
    "Reciprocal": same(torch.reciprocal),
    "Atan": same(torch.atan),
    "ReduceL2": reduction(_euclidean),
    "ReduceMax": reduction(torch.amax),
    "ReduceMean": reduction(torch.mean),
    "ReduceMin": reduction(torch.amin),
    "ReduceSum": reduction(torch.sum),
    "Relu": same(torch.relu),
    "Round": same(torch.round),
    "Selu": _selu,
    "Sigmoid": same(torch.sigmoid),
    "Sign": same(torch.sign),
    "Sin": same(torch.sin),
    "Softmax": _softmax,
    "Softplus": same(F.softplus),
    "Softsign": same(F.softsign),
    "Sqrt": same(torch.sqrt),
    "Sub": same(torch.sub),
    "Sum": folded(torch.add),
    "Swish": with_alpha(lambda x, alpha: x * torch.sigmoid(alpha * x), 1.0),
    "Tanh": same(torch.tanh),
    "ThresholdedRelu": with_alpha(lambda x, alpha: F.threshold(x, alpha, 0.0), 1.0),
    "Where": same(torch.where),
    "Xor": same(torch.logical_xor),
}
