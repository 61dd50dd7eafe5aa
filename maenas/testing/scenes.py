"""Images of random objects and half-trained predictions of them, for assigners and losses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maenas.detector.assign.assigner import Predictions, Priors, Targets, padded_targets
from maenas.detector.losses.flat_maps import flat_maps
from maenas.detector.model.decode import anchor_points
from maenas.detector.model.raw_level import RawLevel

Array = NDArray[Any]

SIDE, STRIDES, CLASSES, BINS = 128, (8, 16, 32), 5, 17
SIZES = [(SIDE // stride, SIDE // stride) for stride in STRIDES]
# Each case is a batch of three images; the second has no object.
CASES = (
    "some objects",
    "no objects",
    "one object smaller than the grid",
    "objects outside",
    "duplicate boxes",
    "ignore regions",
    "1,000 objects",
)


@dataclass(frozen=True)
class Scene:
    """A batch: raw maps of the head and what they should say."""

    levels: list[RawLevel]
    targets: Targets

    @cached_property
    def predictions(self) -> Predictions:
        return flat_maps(self.levels).predictions()

    @cached_property
    def priors(self) -> Priors:
        return flat_maps(self.levels).priors


def scene(case: str, seed: int = 0) -> Scene:
    """The batch of a case."""
    rng = np.random.default_rng([seed, CASES.index(case)])
    images = [objects(case, rng), (np.zeros((0, 4)), np.zeros(0, bool)), objects(case, rng)]
    targets = padded_targets(
        [torch.from_numpy(boxes) for boxes, _ in images],
        [torch.from_numpy(rng.integers(0, CLASSES, len(boxes))) for boxes, _ in images],
        [torch.from_numpy(ignore) for _, ignore in images],
    )
    boxes = [boxes if len(boxes) else np.full((1, 4), 96.0) for boxes, _ in images]
    return Scene(raw_levels(boxes, rng), targets)


def objects(case: str, rng: np.random.Generator) -> tuple[Array, Array]:
    """Boxes of an image and which are regions to ignore."""
    match case:
        case "no objects":
            boxes = np.zeros((0, 4))
        case "one object smaller than the grid":
            boxes = np.array(
                [[97.0, 82.5, 100.5, 84.0]]
            )  # between the points 96 and 104, 80 and 88
        case "objects outside":
            boxes = np.concatenate((some_boxes(rng, 3), some_boxes(rng, 3) + 4 * SIDE))
        case "duplicate boxes":
            boxes = np.repeat(some_boxes(rng, 3), 3, axis=0)
        case "1,000 objects":
            boxes = some_boxes(rng, 1_000)
        case _:
            boxes = some_boxes(rng, 9)
    ignore = np.arange(len(boxes)) % 3 == 1
    return boxes, ignore if case == "ignore regions" else np.zeros_like(ignore)


def some_boxes(rng: np.random.Generator, count: int) -> Array:
    """Boxes of 6 to 120 pixels a side with their centres in the image."""
    middle, size = rng.uniform(0, SIDE, (count, 2)), np.exp(rng.uniform(1.8, 4.8, (count, 2)))
    return np.concatenate((middle - size / 2, middle + size / 2), axis=1)


def raw_levels(boxes: list[Array], rng: np.random.Generator) -> list[RawLevel]:
    """Raw maps where prior n aims at box n mod M of its image, off by a third."""
    points, strides = (part.double().numpy() for part in anchor_points(SIZES, STRIDES, Tensor()))
    scores = rng.normal(-2, 1.5, (len(boxes), len(points), CLASSES))
    logits = rng.normal(0, 0.3, (len(boxes), len(points), 4, BINS))
    for image, its_boxes in enumerate(boxes):
        aim = its_boxes[np.arange(len(points)) % len(its_boxes)]
        sides = np.concatenate((points - aim[:, :2], aim[:, 2:] - points), axis=1) / strides
        sides = (sides * rng.uniform(0.67, 1.33, sides.shape)).clip(0, BINS - 1)
        logits[image] -= 2 * np.abs(np.arange(BINS) - sides[..., None])
    flat = torch.from_numpy(scores).float(), torch.from_numpy(logits).float().flatten(2)
    return [
        RawLevel(*maps) for maps in zip(*(as_levels(part, SIZES) for part in flat), strict=True)
    ]


def as_levels(flat: Tensor, sizes: list[tuple[int, int]]) -> list[Tensor]:
    """(B, N, C) of all levels -> (B, C, H, W) of each."""
    parts = torch.split(flat, [height * width for height, width in sizes], dim=1)
    return [
        part.mT.reshape(*part.mT.shape[:2], *size).contiguous()
        for part, size in zip(parts, sizes, strict=True)
    ]
