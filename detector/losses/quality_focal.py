"""Quality Focal Loss, with one soft label for class and box quality."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from maenas.detector.ops.softplus import softplus


def quality_focal_loss(logits: Tensor, labels: Tensor, beta: float = 2.0) -> Tensor:
    """Cross-entropy with soft labels, times the distance to the label to the power of beta.

    The loss is computed from logits, so that it stays finite if a score rounds to 0 or 1 in fp32.
    Labels get no gradient.

    Args:
        logits: (...), scores before the sigmoid.
        labels: (...), soft labels in 0..1.
        beta: focusing parameter, at least 1; higher values reduce the weight of easy examples.
    Returns:
        (...) float32, not reduced.

    Source: Generalized Focal Loss (https://arxiv.org/abs/2006.04388), equation 2.
    """
    loss: Tensor = _QualityFocal.apply(logits.float(), labels.float(), beta)
    return loss


class _QualityFocal(Function):
    """Computes loss and gradient together, which saves passes over these large tensors.

    With s the score, d = s - y and h the cross-entropy, whose derivative is d, the loss is
    h |d|^b and its derivative d |d|^b + b h |d|^(b - 1) sign(d) s (1 - s).
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor, beta: float) -> Tensor:
        scores = logits.sigmoid()
        entropy = softplus(logits).addcmul_(labels, logits, value=-1)
        away = scores - labels
        less = away.abs().pow_(beta - 1)  # |d|^(b - 1)
        slope = scores.addcmul_(scores, scores, value=-1).mul_(entropy).mul_(less).mul_(beta)
        slope.mul_(away.sign())
        weight = less.mul_(away.abs())  # |d|^b
        ctx.save_for_backward(slope.addcmul_(away, weight))
        return entropy.mul_(weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return slope * grads[0], None, None
