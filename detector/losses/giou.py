"""The GIoU loss, which has a gradient even if boxes do not overlap."""

from __future__ import annotations

from torch import Tensor

from maenas.detector.ops.boxes import paired_giou


def giou_loss(boxes_xyxy: Tensor, targets_xyxy: Tensor) -> Tensor:
    """1 - GIoU of each box with its target.

    Args:
        boxes_xyxy: (..., 4), predicted boxes in pixels.
        targets_xyxy: (..., 4), ground-truth boxes in pixels.
    Returns:
        (...) float32 in 0..2, not reduced.

    Source: GIoU (https://arxiv.org/abs/1902.09630), algorithm 2.
    """
    return 1 - paired_giou(boxes_xyxy.float(), targets_xyxy.float())
