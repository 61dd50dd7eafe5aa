"""Bounding box of the visible part of an outline."""

from __future__ import annotations

import numpy as np

from maenas.detector.arrays import Floats
from maenas.detector.data.labelled import Outline

EMPTY = np.zeros(4, dtype=np.float32)


def visible_box(outline: Outline, size: tuple[int, int]) -> Floats:
    """Box (x1, y1, x2, y2) of the part within an image of (height, width); zeros if outside.

    DAMO-YOLO samples 1000 points of the outline and keeps those within the image, which misses a
    side of an object that covers a whole edge of the image. Here the outline is clipped exactly.
    """
    height, width = size
    shown = [part for part in (within(part, height, width) for part in outline) if len(part)]
    if not shown:
        return EMPTY
    points = np.concatenate(shown)
    box: Floats = np.concatenate((points.min(0), points.max(0))).astype(np.float32)
    return box


def within(points: Floats, height: int, width: int) -> Floats:
    """The closed outline (P, 2) clipped to an image, (Q, 2).

    Source: Sutherland and Hodgman, Reentrant polygon clipping, CACM 1974.
    """
    low, high = points.min(0), points.max(0)
    if (low >= 0).all() and high[0] <= width and high[1] <= height:
        return points
    for axis, limit, sign in ((0, 0, 1), (0, width, -1), (1, 0, 1), (1, height, -1)):
        depth = sign * (points[:, axis] - limit)  # at least 0 inside
        inside = depth >= 0
        if inside.all():
            continue
        if not inside.any():
            return points[:0]
        points = _cut(points, depth, inside)
    return points


def _cut(points: Floats, depth: Floats, inside: np.ndarray) -> Floats:
    """The points inside one edge and the crossings with that edge, in outline order."""
    after, depth_after = np.roll(points, -1, axis=0), np.roll(depth, -1)
    crosses = inside != np.roll(inside, -1)
    share = np.divide(depth, depth - depth_after, out=np.zeros_like(depth), where=crosses)
    crossings = points + share[:, None] * (after - points)
    both = np.stack((points, crossings), axis=1).reshape(-1, 2)  # (2 P, 2)
    cut: Floats = both[np.stack((inside, crosses), axis=1).reshape(-1)]
    return cut
