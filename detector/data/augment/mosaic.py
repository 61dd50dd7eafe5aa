"""Mosaic: four images around a random centre form one image of twice the input size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from maenas.detector.arrays import Floats
from maenas.detector.data.augment.affine import (
    Matrix,
    Motion,
    Rectangle,
    add_moved,
    bounds,
    is_worth_keeping,
    matrix_of,
    moved_boxes,
)
from maenas.detector.data.labelled import (
    Flags,
    Labelled,
    Labels,
    Outline,
    annotated_in_all,
    clip,
    levels,
)
from maenas.detector.media.resize import FILL

TILES = 4  # top left, top right, bottom left, bottom right


@dataclass(frozen=True, slots=True)
class Paste:
    """A rectangle of an image and its place on the mosaic.

    Attributes:
        source: rectangle in the image.
        target: rectangle of the same size in the mosaic.
    """

    source: Rectangle
    target: Rectangle

    @property
    def shift(self) -> tuple[int, int]:
        """(x, y) offset from image coordinates to mosaic coordinates."""
        return self.target[0] - self.source[0], self.target[1] - self.source[1]


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the four images of a mosaic.

    Attributes:
        scene: image with its objects, at any resolution.
        placed: (height, width) of the uncropped image on the mosaic.
        paste: visible part of the image and its place on the mosaic.
    """

    scene: Labelled
    placed: tuple[int, int]
    paste: Paste

    def factors(self) -> Floats:
        """(2,): mosaic pixels per image pixel, along x and y."""
        (height, width), (tall, wide) = self.scene.size, self.placed
        return np.array([wide / width, tall / height], dtype=np.float32)

    def visible(self) -> tuple[Tensor, Matrix]:
        """The visible part of the image, and the map from it to the mosaic."""
        across, down = self.factors().tolist()
        x1, y1, x2, y2 = self.paste.source
        left, top = round(x1 / across), round(y1 / down)
        part = self.scene.pixels[:, top : round(y2 / down), left : round(x2 / across)]
        x, y = self.paste.shift
        to_mosaic = np.array([(across, 0, left * across + x), (0, down, top * down + y), (0, 0, 1)])
        return part, to_mosaic


def draw_centre(rng: Generator, room: tuple[int, int]) -> tuple[int, int]:
    """Draw the point (x, y) where the four images meet, in the middle half; y is drawn first."""
    height, width = room
    y = int(rng.uniform(0.5 * height, 1.5 * height))
    return int(rng.uniform(0.5 * width, 1.5 * width)), y


def paste_of(
    tile: int, centre: tuple[int, int], size: tuple[int, int], room: tuple[int, int]
) -> Paste:
    """Place of a tile: it touches the centre and is clipped to the mosaic.

    Args:
        tile: index 0 to 3, in the order of `TILES`.
        centre: (x, y), point where the four images meet.
        size: (height, width) of the image.
        room: (height, width) of the network's input; the mosaic has twice each side.
    """
    (x, y), (height, width) = centre, size
    left, right = (max(x - width, 0), x) if tile % 2 == 0 else (x, min(x + width, 2 * room[1]))
    top, bottom = (max(y - height, 0), y) if tile < 2 else (y, min(y + height, 2 * room[0]))
    from_x = width - (right - left) if tile % 2 == 0 else 0
    from_y = height - (bottom - top) if tile < 2 else 0
    source = from_x, from_y, from_x + right - left, from_y + bottom - top
    return Paste(source, (left, top, right, bottom))


def is_seen(rectangle: Rectangle, matrix: Matrix, room: tuple[int, int]) -> bool:
    """Whether a moved rectangle overlaps an image of (height, width).

    Two parallelograms overlap unless a side of one of them separates them. A tile outside the
    image need not be read.
    """
    frame = 0, 0, room[1], room[0]
    there, back = _moved_bounds(rectangle, matrix), _moved_bounds(frame, np.linalg.inv(matrix))
    return _overlap(there, frame) and _overlap(back, rectangle)


def mosaic(
    tiles: Sequence[Tile], motion: Motion, room: tuple[int, int], channels: int = 3
) -> Labelled:
    """The moved mosaic of the tiles, (channels, *room), grey where no tile lies.

    The mosaic itself is never built: each tile is resampled once, directly into the result.
    Boxes are clipped to the mosaic first, then to the room, and dropped where too little is left.
    A class is annotated if it is in all tiles.

    Args:
        tiles: tiles that are visible in the result.
        motion: drawn motion of the mosaic.
        room: (height, width) of the network's input.
        channels: number of channels of the tiles.
    """
    size = 2 * room[0], 2 * room[1]
    matrix = matrix_of(motion, size, room)
    pixels = torch.full((channels, *room), int(FILL), dtype=torch.uint8)
    x1, y1, x2, y2 = bounds(matrix, (0, 0, size[1], size[0]), room)  # smaller if the mosaic shrank
    differences = torch.zeros((channels, y2 - y1, x2 - x1))
    to_part = np.array([(1, 0, -x1), (0, 1, -y1), (0, 0, 1)])
    for tile in tiles:
        part, to_mosaic = tile.visible()
        add_moved(differences, part, to_part @ matrix @ to_mosaic)
    pixels[:, y1:y2, x1:x2] = levels(differences.add_(FILL))
    boxes, labels, crowd, outlines = joined(tiles, size)
    moved = moved_boxes(boxes, outlines, matrix, room)
    kept = is_worth_keeping(boxes * np.float32(motion.scale), moved)
    known = annotated_in_all(tile.scene for tile in tiles)
    return Labelled(pixels, moved, labels, crowd, annotated=known).keep(kept)


def joined(
    tiles: Sequence[Tile], size: tuple[int, int]
) -> tuple[Floats, Labels, Flags, tuple[Outline, ...]]:
    """Boxes, labels, flags and outlines on a mosaic of (height, width), without those outside."""
    boxes, labels, crowd = [_NO_BOXES], [_NO_LABELS], [_NO_FLAGS]
    outlines: list[Outline] = []
    for tile in tiles:
        scene, factors = tile.scene, tile.factors()
        shift = np.array(tile.paste.shift, dtype=np.float32)
        boxes.append(scene.boxes * np.tile(factors, 2) + np.tile(shift, 2))
        labels.append(scene.labels)
        crowd.append(scene.crowd)
        known = scene.outlines or ((),) * len(scene.labels)
        outlines += [tuple(part * factors + shift for part in outline) for outline in known]
    cut = clip(np.concatenate(boxes), size)
    kept: Flags = np.all(cut[:, 2:] > cut[:, :2], axis=1)
    left = tuple(outline for outline, k in zip(outlines, kept, strict=True) if k)
    return cut[kept], np.concatenate(labels)[kept], np.concatenate(crowd)[kept], left


_NO_BOXES = np.zeros((0, 4), dtype=np.float32)
_NO_LABELS = np.zeros(0, dtype=np.int64)
_NO_FLAGS = np.zeros(0, dtype=np.bool_)


def _moved_bounds(rectangle: Rectangle, matrix: Matrix) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = rectangle
    corners = np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], dtype=np.float64)
    points = corners @ matrix[:2, :2].T + matrix[:2, 2]
    (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
    return left, top, right, bottom


def _overlap(a: Sequence[float], b: Sequence[float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
