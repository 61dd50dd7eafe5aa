"""Distribution Focal Loss, which puts the probability on the two bins around a distance."""

from __future__ import annotations

from torch import Tensor

NEAREST_THE_END = 0.1  # minimum distance of a target below the last bin, in bins, as in GFL's code


def distribution_focal_loss(logits: Tensor, distances: Tensor) -> Tensor:
    """Cross-entropy with the two bins around a distance, weighted by linear interpolation.

    Args:
        logits: (..., bins), logits of the distances 0, 1, .. bins - 1 in strides.
        distances: (...), target distances in strides; clamped to 0..bins - 1.1.
    Returns:
        (...) float32, not reduced.

    Source: Generalized Focal Loss (https://arxiv.org/abs/2006.04388), equation 3.
    """
    log_probability = logits.float().log_softmax(dim=-1)
    distances = distances.float().clamp(0, logits.shape[-1] - 1 - NEAREST_THE_END)
    lower = distances.floor()
    share = distances - lower  # weight of the upper bin
    index = lower.long().unsqueeze(-1)
    at_lower = log_probability.gather(-1, index).squeeze(-1)
    at_upper = log_probability.gather(-1, index + 1).squeeze(-1)
    return -(at_lower * (1 - share) + at_upper * share)
