"""Geometry of boxes: IoU, generalised IoU, and the distance of points from the sides.

Boxes are (x1, y1, x2, y2) in pixels everywhere.
"""

from __future__ import annotations

import torch
from torch import Tensor

MIN_AREA = 1e-6  # square pixels, minimum area of a union or hull, as in DAMO-YOLO


def pairwise_iou(boxes_xyxy: Tensor, others_xyxy: Tensor) -> Tensor:
    """Intersection over union of every box with every other.

    Args:
        boxes_xyxy: (B, M, 4).
        others_xyxy: (B, N, 4).
    Returns:
        (B, M, N) in 0..1; 0 for two boxes without area.
    """
    return _iou(boxes_xyxy.unsqueeze(2).unbind(-1), others_xyxy.unsqueeze(1).unbind(-1))[0]


def paired_iou(boxes_xyxy: Tensor, others_xyxy: Tensor) -> Tensor:
    """Intersection over union of each box with its partner: (..., 4) and (..., 4) -> (...)."""
    return _iou(boxes_xyxy.unbind(-1), others_xyxy.unbind(-1))[0]


def paired_giou(boxes_xyxy: Tensor, others_xyxy: Tensor) -> Tensor:
    """Generalised intersection over union of each box with its partner.

    Args:
        boxes_xyxy: (..., 4).
        others_xyxy: (..., 4).
    Returns:
        (...) in -1..1: IoU less the share of the common hull that neither box covers.

    Source: GIoU (https://arxiv.org/abs/1902.09630), algorithm 1.
    """
    iou, union = _iou(boxes_xyxy.unbind(-1), others_xyxy.unbind(-1))
    x1, y1 = torch.minimum(boxes_xyxy, others_xyxy)[..., :2].unbind(-1)
    x2, y2 = torch.maximum(boxes_xyxy, others_xyxy)[..., 2:].unbind(-1)
    hull = ((x2 - x1) * (y2 - y1)).clamp(min=MIN_AREA)
    return iou - (hull - union) / hull


def depth_inside(points: Tensor, boxes_xyxy: Tensor) -> Tensor:
    """Distance of each point to the nearest side of each box.

    Args:
        points: (N, 2) as (x, y) in pixels.
        boxes_xyxy: (..., 4).
    Returns:
        (..., N) in pixels; positive strictly inside, 0 on the border, negative outside.
    """
    x, y = points.unbind(-1)
    x1, y1, x2, y2 = boxes_xyxy.unsqueeze(-1).unbind(-2)
    return torch.minimum(torch.minimum(x - x1, x2 - x), torch.minimum(y - y1, y2 - y))


def centres(boxes_xyxy: Tensor) -> Tensor:
    """Centre of each box: (..., 4) -> (..., 2)."""
    return (boxes_xyxy[..., :2] + boxes_xyxy[..., 2:]) / 2


def _iou(a: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """IoU and union of boxes given as four coordinates that broadcast."""
    width = (torch.minimum(a[2], b[2]) - torch.maximum(a[0], b[0])).clamp(min=0)
    height = (torch.minimum(a[3], b[3]) - torch.maximum(a[1], b[1])).clamp(min=0)
    shared = width * height
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    union = (areas - shared).clamp(min=MIN_AREA)
    return shared / union, union
