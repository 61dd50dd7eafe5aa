"""Quality Focal Loss: one soft label for class and box quality."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus


def quality_focal_loss(logits: Tensor, labels: Tensor, beta: float = 2.0) -> Tensor:
    """Cross-entropy with soft labels times the distance to the label to the power of beta.

    Computed from logits, so it stays finite where a score in 32 bits is 0 or 1.

    Args:
        logits: (...), scores before the sigmoid.
        labels: (...) in 0..1.
        beta: how much less easy examples count.
    Returns:
        (...) float32, not reduced.

    Source: Generalized Focal Loss (https://arxiv.org/abs/2006.04388), equation 2.
    """
    logits, labels = logits.float(), labels.float()
    return (softplus(logits) - labels * logits) * (labels - logits.sigmoid()).abs().pow(beta)
