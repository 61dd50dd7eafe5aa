"""A depthwise convolution whose gradients are fast on a CPU."""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

FAST_KERNEL = 3  # oneDNN computes weight gradients of depthwise kernels up to this size fast


class DepthwiseConv2d(nn.Conv2d):
    """`nn.Conv2d` with a filter for each channel and gradients of its own for training on a CPU.

    PyTorch's gradients take several times as long as the convolution if its kernel is larger than 3
    and it is strided, and in bf16 always (benchmarks/bench_train.py prints training steps with
    both). The gradients here are the same sums, taken in the precision of the weights.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H', W')."""
        is_plain = self.bias is None and self.dilation == (1, 1) and self.padding_mode == "zeros"
        if is_plain and learns_on_cpu(x, self.weight):
            out: Tensor = _Depthwise.apply(x, self.weight, self.stride, self.padding)
            return out
        return super().forward(x)


def learns_on_cpu(x: Tensor, weight: Tensor) -> bool:
    """Whether a CPU computes this convolution now and its gradients later."""
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return False
    if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        return False
    return torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad)


def weight_gradient(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: tuple[int, int], padding: tuple[int, int]
) -> Tensor:
    """The gradient of a depthwise convolution by its weight, in the precision of the weight.

    With stride s, the rows and columns of the input that a weight at (a, b) meets are those with
    the remainders (a mod s, b mod s) after padding. So the s x s parts of the input with equal
    remainders are convolved with stride 1 each, by a kernel of ceil(k / s).

    Args:
        gradient: (B, C, H', W'), the gradient by the output, in the precision of the weight.
        x: (B, C, H, W), in any precision.
        weight: (C, 1, k, k).
        stride: along both axes.
        padding: along both axes.
    Returns:
        (C, 1, k, k).
    """
    kernel, (down, right) = weight.shape[2:], stride
    rows, columns = (-(-size // step) for size, step in zip(kernel, stride, strict=True))
    if max(kernel) <= FAST_KERNEL or max(rows, columns) > FAST_KERNEL:
        return _gradients(gradient, x.to(weight.dtype), weight, stride, padding, False)[1]
    height = (gradient.shape[2] + rows - 1) * down
    width = (gradient.shape[3] + columns - 1) * right
    top, left = padding
    whole = functional.pad(x, (left, width - left - x.shape[3], top, height - top - x.shape[2]))
    layout = torch.channels_last if _is_channels_last(x) else torch.contiguous_format
    small = weight.new_zeros(len(weight), 1, rows, columns).contiguous(memory_format=layout)
    found = weight.new_empty(len(weight), 1, rows * down, columns * right)
    for row, column in product(range(down), range(right)):
        part = whole[:, :, row::down, column::right]
        part = part.to(weight.dtype).contiguous(memory_format=layout)
        sums = _gradients(gradient, part, small, (1, 1), (0, 0), False)[1]
        found[:, :, row::down, column::right] = sums
    return found[:, :, : kernel[0], : kernel[1]].contiguous(memory_format=layout)


class _Depthwise(torch.autograd.Function):
    """The convolution under the autocast of the forward pass, and its gradients without one."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, stride: tuple[int, int], padding: tuple[int, int]
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return functional.conv2d(x, weight, None, stride, padding, groups=len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        layout = torch.channels_last if _is_channels_last(x) else torch.contiguous_format
        gradient = gradient.to(weight.dtype).contiguous(memory_format=layout)
        by_input = by_weight = None
        if ctx.needs_input_grad[0]:
            # Only the shape of the input matters here; its values need no conversion.
            like = x if x.dtype == weight.dtype else torch.empty_like(x, dtype=weight.dtype)
            by_input = _gradients(gradient, like, weight, ctx.stride, ctx.padding, True)[0]
            by_input = by_input.to(x.dtype)
        if ctx.needs_input_grad[1]:
            by_weight = weight_gradient(gradient, x, weight, ctx.stride, ctx.padding)
        return by_input, by_weight, None, None


def _gradients(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor,
    stride: tuple[int, int],
    padding: tuple[int, int],
    by_input: bool,
) -> tuple[Tensor, Tensor]:
    """PyTorch's gradients of a depthwise convolution, by the input or by the weight alone."""
    found: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
        gradient,
        x,
        weight,
        None,
        stride,
        padding,
        (1, 1),
        False,
        (0, 0),
        len(weight),
        (by_input, not by_input, False),
    )
    return found[:2]


def _is_channels_last(x: Tensor) -> bool:
    return x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
