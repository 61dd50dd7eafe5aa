"""Non-maximum suppression, one class at a time."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import batched_nms

MAX_CANDIDATES = 30_000  # pairs of box and class that enter; more only cost time


class Detections(NamedTuple):
    """What was found in one picture, best first.

    Attributes:
        boxes: (K, 4) as (x1, y1, x2, y2) in pixels.
        scores: (K,).
        classes: (K,), indices.
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor


def nms(
    scores: Tensor,
    boxes: Tensor,
    min_score: float = 0.05,
    max_iou: float = 0.7,
    max_detections: int = 500,
) -> Detections:
    """The best boxes of each class that overlap no better one of it.

    Every pair of position and class above `min_score` is a candidate, so one box may be found as
    several classes.

    Args:
        scores: (N, num_classes).
        boxes: (N, 4) as (x1, y1, x2, y2).
        min_score: candidates score more.
        max_iou: overlap beyond which the worse of two boxes of a class goes.
        max_detections: most boxes kept.
    """
    position, label = torch.nonzero(scores > min_score, as_tuple=True)
    found = scores[position, label]
    if len(found) > MAX_CANDIDATES:
        found, best = found.topk(MAX_CANDIDATES)
        position, label = position[best], label[best]
    kept = batched_nms(boxes[position], found, label, max_iou)[:max_detections]
    return Detections(boxes[position[kept]], found[kept], label[kept])
