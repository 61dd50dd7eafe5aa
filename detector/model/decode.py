"""Decoding of raw maps to class scores and boxes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from maenas.detector.model.raw_level import RawLevel

STRIDES = (8, 16, 32)


def anchor_points(
    sizes: Sequence[tuple[int, int]], strides: Sequence[int], like: Tensor
) -> tuple[Tensor, Tensor]:
    """The anchor points of all levels and their strides.

    An anchor point is the top-left corner of its cell, (column * stride, row * stride), as in
    DAMO-YOLO.

    Args:
        sizes: (height, width) of each level.
        strides: pixels between anchor points of each level.
        like: tensor with the device and dtype of the result.
    Returns:
        Points (N, 2) as (x, y) in pixels and strides (N, 1); levels in order, row-major.
    """
    points, steps = [], []
    for (height, width), stride in zip(sizes, strides, strict=True):
        rows = torch.arange(height, device=like.device, dtype=like.dtype) * stride
        columns = torch.arange(width, device=like.device, dtype=like.dtype) * stride
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        points.append(torch.stack((x, y), dim=-1).reshape(-1, 2))
        steps.append(torch.full((height * width, 1), stride, device=like.device, dtype=like.dtype))
    return torch.cat(points), torch.cat(steps)


def expected_distances(logits: Tensor) -> Tensor:
    """The expected distance of each side, from its distribution over bins.

    Args:
        logits: (..., 4, bins), logits of the distances 0, 1, .. bins - 1.
    Returns:
        (..., 4), distances in strides.

    Source: Generalized Focal Loss (https://arxiv.org/abs/2006.04388), section 3.2.
    """
    bins = torch.arange(logits.shape[-1], device=logits.device, dtype=logits.dtype)
    return logits.softmax(dim=-1) @ bins


def decode(levels: Sequence[RawLevel], strides: Sequence[int] = STRIDES) -> tuple[Tensor, Tensor]:
    """The class scores and boxes of all anchor points.

    Args:
        levels: raw maps, finest first.
        strides: pixels between anchor points of each level.
    Returns:
        Scores (B, N, num_classes) in 0..1 and boxes (B, N, 4) as (x1, y1, x2, y2) in pixels, not
        clipped to the image.
    """
    sizes = [(level.scores.shape[-2], level.scores.shape[-1]) for level in levels]
    points, steps = anchor_points(sizes, strides, levels[0].distances)
    scores = torch.cat([level.scores.sigmoid().flatten(2) for level in levels], dim=2)  # (B, C, N)
    distances = torch.cat([expected_distances(by_side(level)) for level in levels], dim=1) * steps
    boxes = torch.cat((points - distances[..., :2], points + distances[..., 2:]), dim=-1)
    return scores.transpose(1, 2), boxes


def by_side(level: RawLevel) -> Tensor:
    """Distance logits of a level, (B, 4 * bins, H, W) -> (B, H * W, 4, bins), row-major."""
    batch, channels, height, width = level.distances.shape
    logits = level.distances.reshape(batch, 4, channels // 4, height * width)
    return logits.permute(0, 3, 1, 2)
