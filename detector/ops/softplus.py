"""A fast softplus for the CPU."""

from __future__ import annotations

from torch import Tensor


def softplus(values: Tensor) -> Tensor:
    """ln(1 + e^x) of each value, finite for finite input, without a gradient.

    PyTorch's softplus uses `log1p`, which takes five times as long as `log` on a CPU: over all
    classes of all anchor points this is measurable in a training step. The absolute error is 6e-8,
    no more than that of a score in float32.

    Args:
        values: floats of any shape.
    Returns:
        Softplus of the values, same shape.
    """
    of_small = values.detach().abs().neg_().exp_().add_(1.0).log_()
    return of_small.add_(values.detach().clamp(min=0.0))
