"""Generated images with shapes, from easy to hard: a small data set for tests and demos."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from maenas.detector.arrays import Floats
from maenas.detector.media.images import Pixels

Points = NDArray[np.float64]  # (P, 2), about the origin, within the unit circle
Colour = tuple[int, int, int]

SMOOTH = 2  # images are drawn larger by this factor, then reduced
MIN_CONTRAST = 60.0  # levels, between an object and the mean of its surroundings
MAX_DRAWS = 60  # attempts to place an object before it is left out


@dataclass(frozen=True, slots=True)
class Level:
    """Difficulty of the images.

    Attributes:
        sides: minimum and maximum side of an object, as shares of the image's side.
        objects: minimum and maximum number of objects per image.
        overlap: greatest share of an object that a later one may cover.
        texture: standard deviation of the background's pattern, in levels.
        noise: standard deviation of the pixel noise, in levels.
        distractors: maximum number of unlabelled lines and rings per image.
        bars: maximum number of strips per image that cover objects.
    """

    sides: tuple[float, float]
    objects: tuple[int, int]
    overlap: float
    texture: float
    noise: float
    distractors: int
    bars: int


# 48 to 96 pixels of 256 are 0.1875 to 0.375
LEVELS = {
    "easy": Level((0.25, 0.45), (1, 3), 0.0, 0.0, 2.0, 0, 0),
    "medium": Level((0.1875, 0.375), (0, 5), 0.1, 18.0, 6.0, 6, 0),
    "hard": Level((0.0625, 0.375), (0, 9), 0.45, 30.0, 12.0, 12, 3),
}


def _regular(corners: int) -> Points:
    angles = 2 * np.pi * np.arange(corners) / corners
    return np.column_stack((np.cos(angles), np.sin(angles)))


def _star(points: int, inner: float) -> Points:
    outline = _regular(2 * points)
    outline[1::2] *= inner
    return outline


def _cross(arm: float) -> Points:
    a, b = arm, math.sqrt(1 - arm * arm)
    corner = [(b, -a), (b, a), (a, a), (a, b), (-a, b), (-a, a)]
    return np.array([*corner, *((-x, -y) for x, y in corner)])


def _bow() -> Points:
    return np.array([(-0.8, -0.6), (0.8, 0.6), (0.8, -0.6), (-0.8, 0.6)])


SHAPES: dict[str, Points] = {
    "disk": _regular(40),
    "square": _regular(4),
    "triangle": _regular(3),
    "star": _star(5, 0.4),
    "cross": _cross(0.3),
    "bow": _bow(),
    "hexagon": _regular(6),
    "kite": np.array([(1.0, 0.0), (0.0, 0.5), (-0.6, 0.0), (0.0, -0.5)]),
}


def draw_image(rng: Generator, level: Level, classes: int, side: int) -> tuple[Pixels, Floats]:
    """Draw an image and its objects.

    Args:
        rng: random generator for all draws.
        level: difficulty.
        classes: number of classes, the first ones of `SHAPES`.
        side: side of the image in pixels.
    Returns:
        Image (side, side, 3), and objects (N, 5): class, x1, y1, x2, y2 in pixels.
    """
    ground = _background(rng, level, side)
    image = Image.fromarray(ground).resize((SMOOTH * side, SMOOTH * side))
    canvas = ImageDraw.Draw(image)
    mean = ground.reshape(-1, 3).mean(0)
    for _ in range(int(rng.integers(level.distractors + 1))):
        _distractor(canvas, rng, image.width)
    rows: list[list[float]] = []
    for _ in range(int(rng.integers(level.objects[0], level.objects[1] + 1))):
        kind = int(rng.integers(classes))
        placed = _place(rng, list(SHAPES.values())[kind], level, side, rows)
        if placed is not None:
            outline, box = placed
            corners = [tuple(point) for point in (outline * SMOOTH).tolist()]
            canvas.polygon(corners, fill=_contrasting(rng, mean))
            rows.append([kind, *box])
    for _ in range(int(rng.integers(level.bars + 1))):
        _bar(canvas, rng, image.width)
    reduced = np.asarray(image.reduce(SMOOTH)).astype(np.float64)
    noisy = reduced + rng.normal(0, level.noise, reduced.shape)
    pixels: Pixels = noisy.round().clip(0, 255).astype(np.uint8)
    return pixels, np.array(rows, dtype=np.float32).reshape(-1, 5)


def _background(rng: Generator, level: Level, side: int) -> Pixels:
    """A colour gradient with a wave pattern, (side, side, 3)."""
    y, x = np.mgrid[:side, :side] / side
    colour = rng.uniform(60, 195, 3)
    ground = np.full((side, side, 3), colour) + 25 * (x * rng.uniform(-1, 1))[..., None]
    for _ in range(4):
        waves, phase = rng.uniform(-25, 25, 2), rng.uniform(0, 2 * np.pi)
        wave = np.sin(2 * np.pi * (waves[0] * x + waves[1] * y) + phase)
        ground += level.texture / 2 * math.sqrt(2) * wave[..., None] * rng.uniform(0.5, 1, 3)
    pixels: Pixels = ground.clip(0, 255).astype(np.uint8)
    return pixels


def _place(
    rng: Generator, shape: Points, level: Level, side: int, others: list[list[float]]
) -> tuple[Points, list[float]] | None:
    """Outline in pixels and box at a place with little overlap; None if no place was found."""
    for _ in range(MAX_DRAWS):
        angle = rng.uniform(0, 2 * np.pi)
        turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
        turned = shape @ turn.T
        extent = turned.max(0) - turned.min(0)
        turned *= rng.uniform(*level.sides) * side / extent.max()
        low, high = turned.min(0), turned.max(0)
        outline: Points = turned + rng.uniform(-low, side - high)
        box = [*outline.min(0).tolist(), *outline.max(0).tolist()]
        if all(_covered(other[1:], box) <= level.overlap for other in others):
            return outline, box
    return None


def _covered(box: list[float], by: list[float]) -> float:
    """Intersection of two boxes over the smaller area."""
    width = min(box[2], by[2]) - max(box[0], by[0])
    height = min(box[3], by[3]) - max(box[1], by[1])
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (box, by)]
    return max(0.0, width) * max(0.0, height) / min(areas)


def _contrasting(rng: Generator, ground: Floats) -> Colour:
    colour = rng.integers(0, 256, 3)
    while np.abs(colour - ground).mean() < MIN_CONTRAST:
        colour = rng.integers(0, 256, 3)
    red, green, blue = colour.tolist()
    return red, green, blue


def _distractor(canvas: ImageDraw.ImageDraw, rng: Generator, side: int) -> None:
    red, green, blue = rng.integers(0, 256, 3).tolist()
    x1, y1, x2, y2 = rng.uniform(0, side, 4).tolist()
    width = int(rng.integers(2, 5)) * SMOOTH
    if rng.random() < 0.5:
        canvas.line((x1, y1, x2, y2), fill=(red, green, blue), width=width)
    else:
        radius = rng.uniform(0.02, 0.15) * side
        ring = (x1 - radius, y1 - radius, x1 + radius, y1 + radius)
        canvas.ellipse(ring, outline=(red, green, blue), width=width)


def _bar(canvas: ImageDraw.ImageDraw, rng: Generator, side: int) -> None:
    """Draw a strip across the whole image, on top."""
    red, green, blue = rng.integers(0, 256, 3).tolist()
    at, width = rng.uniform(0, side, 2), int(rng.uniform(0.02, 0.06) * side)
    ends = (at[0], 0, at[1], side) if rng.random() < 0.5 else (0, at[0], side, at[1])
    canvas.line(tuple(float(end) for end in ends), fill=(red, green, blue), width=width)
