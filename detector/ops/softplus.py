"""ln(1 + e^x), in the time of a logarithm."""

from __future__ import annotations

from torch import Tensor


def softplus(values: Tensor) -> Tensor:
    """ln(1 + e^x) for each value, finite for every finite one; no gradient flows through it.

    torch's own goes through `log1p`, which takes five times as long as `log` on a CPU: over all
    classes of all positions that shows in a training step. The price is an absolute error of
    6e-8, which a score in 32 bits has as well.

    Args:
        values: any shape, float.
    Returns:
        The same shape.
    """
    of_small = values.detach().abs().neg_().exp_().add_(1.0).log_()
    return of_small.add_(values.detach().clamp(min=0.0))
