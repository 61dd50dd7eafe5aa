"""Random rotation, scale, shear and shift of an image, its boxes and its outlines."""

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

Matrix = NDArray[np.floating[Any]]  # (3, 3), from where a point was to where it goes
Rectangle = tuple[int, int, int, int]  # x1, y1, x2, y2 in whole pixels

# What is left of a box must be worth learning.
MIN_SIDE = 2.0  # pixels, more than
MIN_SHARE = 0.1  # of its area, more than
MAX_ASPECT = 20.0  # less than


@dataclass(frozen=True, slots=True)
class Motion:
    """One draw of a random affine map, in the order of the draws.

    Attributes:
        angle: of the rotation, in degrees, counter-clockwise on the screen.
        scale: factor of all lengths.
        shear: along x and y, in degrees.
        centre: where the image's centre goes, as shares of the new (width, height).
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
    """A motion within the limits: degrees, factors, degrees, shares of the image."""
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
    """T S R C: centre to the origin, rotate and scale, shear, then to its new place.

    Args:
        motion: the draw.
        size: (height, width) of the image.
        room: (height, width) of the new one.

    Source: DAMO-YOLO (Apache-2.0) and YOLOX, the rotation as OpenCV defines it.
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
    """Boxes (N, 4) around what they hold after the motion, cut at the new image's edges.

    Where an object's outline is known, around that; else around the box's four corners.
    DAMO-YOLO heeds outlines only where all objects of an image have one.
    """
    corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2)  # (4 N, 2)
    points = moved_points(corners, matrix).reshape(-1, 4, 2)
    around = np.concatenate((points.min(1), points.max(1)), axis=1)
    for place, outline in enumerate(outlines):
        if outline:
            parts = tuple(moved_points(part, matrix) for part in outline)
            around[place] = visible_box(parts, room)
    return clip(around, room)


def moved_points(points: Floats, matrix: Matrix) -> Floats:
    """Where points (P, 2) go."""
    moved: Floats = (points @ matrix[:2, :2].T + matrix[:2, 2]).astype(np.float32)
    return moved


def is_worth_keeping(before: Floats, after: Floats) -> NDArray[np.bool_]:
    """(N,): whether enough is left of each box, given it before at the new scale."""
    width, height = (after[:, 2:] - after[:, :2]).T
    aspect = np.maximum(width / np.maximum(height, 1e-9), height / np.maximum(width, 1e-9))
    share = areas_of(after) / np.maximum(areas_of(before), 1e-9)
    kept: NDArray[np.bool_] = (
        (width > MIN_SIDE) & (height > MIN_SIDE) & (share > MIN_SHARE) & (aspect < MAX_ASPECT)
    )
    return kept


def add_moved(onto: Tensor, pixels: Tensor, matrix: Matrix) -> None:
    """Add a moved image to another one, both as differences from grey, bilinear. In place.

    An image fades to grey over the last half pixel, so that two which meet make one. Only what
    both show is computed: at a scale of 0.1 or 2 that is a fraction.

    Args:
        onto: (3, H, W) of floats, changed.
        pixels: (3, h, w) in 8 bits.
        matrix: from points of `pixels` to points of `onto`.
    """
    height, width = pixels.shape[-2:]
    back = np.linalg.inv(matrix)
    shown = bounds(matrix, (0, 0, width, height), (onto.shape[-2], onto.shape[-1]))
    needed = bounds(back, shown, (height, width))
    if _is_empty(shown) or _is_empty(needed):
        return
    x1, y1, x2, y2 = needed
    part = pixels[:, y1:y2, x1:x2].float().sub_(FILL)  # in the memory order that it was read in
    grid = _grid(back, shown, needed)
    seen = grid_sample(part[None], grid[None], padding_mode="zeros", align_corners=False)[0]
    x1, y1, x2, y2 = shown
    onto[:, y1:y2, x1:x2].add_(seen)  # += would copy the result onto itself


def bounds(matrix: Matrix, rectangle: Rectangle, size: tuple[int, int]) -> Rectangle:
    """What of an image of (height, width) a moved rectangle may touch, a pixel more each side."""
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
    """(h, w, 2): for each pixel shown where its centre comes from, in -1..1 over what is needed."""
    x1, y1, x2, y2 = shown
    left, top, right, bottom = needed
    to_unit = np.array([2 / (right - left), 2 / (bottom - top)])
    slope = (back[:2, :2] * to_unit[:, None]).astype(np.float32)
    start = (back[:2, 2] - (left, top)) * to_unit - 1
    across = np.arange(x1, x2, dtype=np.float32)[:, None] + np.float32(0.5)  # (w, 1)
    down = np.arange(y1, y2, dtype=np.float32)[:, None] + np.float32(0.5)  # (h, 1)
    row = torch.from_numpy(across * slope[:, 0])  # (w, 2)
    column = torch.from_numpy((down * slope[:, 1] + start).astype(np.float32))  # (h, 2)
    # as complex numbers, since a sum over pairs is not vectorised: a tenth of the time
    return torch.view_as_real(torch.view_as_complex(row) + torch.view_as_complex(column)[:, None])
