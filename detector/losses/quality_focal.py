"""Quality Focal Loss, with one soft label for class and box quality."""

from __future__ import annotations

from torch import Tensor

from maenas.detector.ops.softplus import softplus


def focal_with_slope(
    logits: Tensor, labels: Tensor | None = None, beta: float = 2.0
) -> tuple[Tensor, Tensor]:
    """Quality Focal Loss and its derivative, computed together, which saves passes over the logits.

    The loss is the cross-entropy with soft labels, times the distance to the label to the power of
    beta. It stays finite if a score rounds to 0 or 1 in fp32.

    With s the score, d = s - y and h the cross-entropy, whose derivative is d, the loss is
    h |d|^b and its derivative d |d|^b + b h |d|^(b - 1) sign(d) s (1 - s).

    Args:
        logits: (...) float32, scores before the sigmoid.
        labels: (...) float32, soft labels in 0..1; None if all are 0.
        beta: focusing parameter, at least 1; higher values reduce the weight of easy examples.
    Returns:
        Loss and derivative, (...) each.

    Source: Generalized Focal Loss (https://arxiv.org/abs/2006.04388), equation 2.
    """
    scores = logits.sigmoid()
    entropy = softplus(logits)
    if labels is None:
        away, less = scores, scores.pow(beta - 1)
        slope = scores.addcmul(scores, scores, value=-1).mul_(entropy).mul_(less).mul_(beta)
        weight = less.mul_(scores)
    else:
        entropy.addcmul_(labels, logits, value=-1)
        away = scores - labels
        less = away.abs().pow_(beta - 1)  # |d|^(b - 1)
        slope = scores.addcmul_(scores, scores, value=-1).mul_(entropy).mul_(less).mul_(beta)
        slope.mul_(away.sign())
        weight = less.mul_(away.abs())  # |d|^b
    return entropy.mul_(weight), slope.addcmul_(away, weight)
