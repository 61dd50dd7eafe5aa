"""Random rotation, scaling, shear and shift of an image, its boxes and its outlines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from maenas.detector.arrays import Floats
from maenas.detector.data.augment.outlines import visible_box
from maenas.detector.data.labelled import Outline, areas_of, clip
from maenas.detector.media.resize import FILL

Matrix = NDArray[np.floating[Any]]  # (3, 3), from old to new point coordinates
Rectangle = tuple[int, int, int, int]  # x1, y1, x2, y2 in whole pixels

# Limits that a moved box must meet to be kept.
MIN_SIDE = 2.0  # pixels; a kept box is wider and higher than this
MIN_SHARE = 0.1  # a kept box shows more than this share of its area
MAX_ASPECT = 20.0  # a kept box has a smaller aspect ratio


@dataclass(frozen=True, slots=True)
class Motion:
    """One random draw of an affine map; the fields are in the order of the draws.

    Attributes:
        angle: rotation in degrees, counter-clockwise on the screen.
        scale: factor of all lengths.
        shear: shear angles along x and y, in degrees.
        centre: new position of the image's centre, as shares of the new (width, height).
    """

    angle: float
    scale: float
    shear: tuple[float, float]
    centre: tuple[float, float]


def draw_motion(
    rng: Generator,
    rotate: float,
    scale: tuple[float, float],
    shear: float,
    translate: float,
) -> Motion:
    """Draw a motion within the limits: degrees, factors, degrees, shares of the image."""
    return Motion(
        angle=rng.uniform(-rotate, rotate),
        scale=rng.uniform(*scale),
        shear=(rng.uniform(-shear, shear), rng.uniform(-shear, shear)),
        centre=(
            rng.uniform(0.5 - translate, 0.5 + translate),
            rng.uniform(0.5 - translate, 0.5 + translate),
        ),
    )


def matrix_of(motion: Motion, size: tuple[int, int], room: tuple[int, int]) -> Matrix:
    """The matrix T S R C: move the centre to the origin, rotate and scale, shear, translate.

    Args:
        motion: drawn motion.
        size: (height, width) of the image.
        room: (height, width) of the new image.

    Source: DAMO-YOLO (Apache-2.0) and YOLOX; the rotation follows OpenCV.
    """
    centre, rotation, shear, shift = (np.eye(3) for _ in range(4))
    centre[:2, 2] = -size[1] / 2, -size[0] / 2
    cosine = motion.scale * math.cos(math.radians(motion.angle))
    sine = motion.scale * math.sin(math.radians(motion.angle))
    rotation[:2, :2] = (cosine, sine), (-sine, cosine)
    shear[0, 1], shear[1, 0] = (math.tan(math.radians(angle)) for angle in motion.shear)
    shift[:2, 2] = motion.centre[0] * room[1], motion.centre[1] * room[0]
    product: Matrix = shift @ shear @ rotation @ centre
    return product


def moved_boxes(
    boxes: Floats, outlines: tuple[Outline, ...], matrix: Matrix, room: tuple[int, int]
) -> Floats:
    """Bounding boxes (N, 4) of the moved objects, clipped to the new image.

    A box encloses the object's outline where that is known, else the box's four moved corners.
    DAMO-YOLO uses outlines only where all objects of an image have one.
    """
    corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2)  # (4 N, 2)
    points = moved_points(corners, matrix).reshape(-1, 4, 2)
    around = np.concatenate((points.min(1), points.max(1)), axis=1)
    for index, outline in enumerate(outlines):
        if outline:
            parts = tuple(moved_points(part, matrix) for part in outline)
            around[index] = visible_box(parts, room)
    return clip(around, room)


def moved_points(points: Floats, matrix: Matrix) -> Floats:
    """Points (P, 2) after the map."""
    moved: Floats = (points @ matrix[:2, :2].T + matrix[:2, 2]).astype(np.float32)
    return moved


def is_worth_keeping(before: Floats, after: Floats) -> NDArray[np.bool_]:
    """(N,): whether enough of each box remains; `before` holds the boxes at the new scale."""
    width, height = (after[:, 2:] - after[:, :2]).T
    aspect = np.maximum(width / np.maximum(height, 1e-9), height / np.maximum(width, 1e-9))
    share = areas_of(after) / np.maximum(areas_of(before), 1e-9)
    kept: NDArray[np.bool_] = (
        (width > MIN_SIDE) & (height > MIN_SIDE) & (share > MIN_SHARE) & (aspect < MAX_ASPECT)
    )
    return kept


def add_moved(onto: Tensor, pixels: Tensor, matrix: Matrix) -> None:
    """Add a moved image to `onto` in place, both as differences from grey, with bilinear sampling.

    An image fades to grey over the last half pixel, so that two adjacent images join without a
    seam. Only the region where both overlap is computed: at a scale of 0.1 or 2 a small part.

    Args:
        onto: (C, H, W), floats, changed in place.
        pixels: (C, h, w), uint8.
        matrix: map from points of `pixels` to points of `onto`.
    """
    height, width = pixels.shape[-2:]
    back = np.linalg.inv(matrix)
    shown = bounds(matrix, (0, 0, width, height), (onto.shape[-2], onto.shape[-1]))
    needed = bounds(back, shown, (height, width))
    if _is_empty(shown) or _is_empty(needed):
        return
    x1, y1, x2, y2 = needed
    part = pixels[:, y1:y2, x1:x2].float().sub_(FILL)  # keeps the memory order of the file
    grid = _grid(back, shown, needed)
    seen = grid_sample(part[None], grid[None], padding_mode="zeros", align_corners=False)[0]
    x1, y1, x2, y2 = shown
    onto[:, y1:y2, x1:x2].add_(seen)  # += would copy the result onto itself


def bounds(matrix: Matrix, rectangle: Rectangle, size: tuple[int, int]) -> Rectangle:
    """Region of an image of (height, width) that a moved rectangle may touch, 1 pixel of margin."""
    x1, y1, x2, y2 = rectangle
    corners = np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], dtype=np.float64)
    points = corners @ matrix[:2, :2].T + matrix[:2, 2]
    low, high = np.floor(points.min(0)) - 1, np.ceil(points.max(0)) + 1
    height, width = size
    return (
        max(0, int(low[0])),
        max(0, int(low[1])),
        min(width, int(high[0])),
        min(height, int(high[1])),
    )


def _is_empty(rectangle: Rectangle) -> bool:
    x1, y1, x2, y2 = rectangle
    return x1 >= x2 or y1 >= y2


def _grid(back: Matrix, shown: Rectangle, needed: Rectangle) -> Tensor:
    """(h, w, 2): sampling position of each shown pixel's centre, in -1..1 over `needed`."""
    x1, y1, x2, y2 = shown
    left, top, right, bottom = needed
    to_unit = np.array([2 / (right - left), 2 / (bottom - top)])
    slope = (back[:2, :2] * to_unit[:, None]).astype(np.float32)
    start = (back[:2, 2] - (left, top)) * to_unit - 1
    across = np.arange(x1, x2, dtype=np.float32)[:, None] + np.float32(0.5)  # (w, 1)
    down = np.arange(y1, y2, dtype=np.float32)[:, None] + np.float32(0.5)  # (h, 1)
    row = torch.from_numpy(across * slope[:, 0])  # (w, 2)
    column = torch.from_numpy((down * slope[:, 1] + start).astype(np.float32))  # (h, 2)
    # complex numbers, since torch does not vectorise a sum over pairs: a tenth of the time
    return torch.view_as_real(torch.view_as_complex(row) + torch.view_as_complex(column)[:, None])
