"""An image with its objects, the input and output of augmentation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maenas.detector.arrays import Floats

Labels = NDArray[np.int64]
Flags = NDArray[np.bool_]
# Outlines of an object's parts, each (P, 2) as (x, y); () if unknown.
Outline = tuple[Floats, ...]
EVERY_CLASS = -1  # label of a region that is to be ignored in every class


@dataclass(frozen=True, slots=True)
class Labelled:
    """An image and its objects.

    Attributes:
        pixels: (C, H, W), RGB or grey, uint8.
        boxes: (N, 4) as (x1, y1, x2, y2) in pixels, continuous: 0 is the first pixel's left edge.
        labels: (N,), class indices; `EVERY_CLASS` for a region to ignore in every class.
        crowd: (N,), whether a box is a region to ignore rather than one object.
        outlines: outlines of each object; () where no object has one.
        annotated: (classes,), whether every object of a class in the image is labelled; None if
            that holds for all classes.
    """

    pixels: Tensor
    boxes: Floats
    labels: Labels
    crowd: Flags
    outlines: tuple[Outline, ...] = ()
    annotated: Flags | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the image."""
        return self.pixels.shape[-2], self.pixels.shape[-1]

    def keep(self, chosen: Flags) -> Labelled:
        """The image with only the objects selected by the mask `chosen`, (N,)."""
        if chosen.all():
            return self
        outlines = tuple(o for o, kept in zip(self.outlines, chosen, strict=False) if kept)
        return replace(
            self,
            boxes=self.boxes[chosen],
            labels=self.labels[chosen],
            crowd=self.crowd[chosen],
            outlines=outlines,
        )


def annotated_in_all(scenes: Iterable[Labelled]) -> Flags | None:
    """(classes,): whether a class is annotated in every image that is shown; None for all."""
    masks = [scene.annotated for scene in scenes if scene.annotated is not None]
    if not masks:
        return None
    known: Flags = np.logical_and.reduce(masks)
    return known


def clip(boxes: Floats, size: tuple[int, int]) -> Floats:
    """Boxes (N, 4) clipped to an image of (height, width)."""
    height, width = size
    cut: Floats = np.clip(boxes, 0, np.array([width, height, width, height], dtype=np.float32))
    return cut


def areas_of(boxes: Floats) -> Floats:
    """(N,): area of each box, 0 where the box is empty."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    product: Floats = sides[:, 0] * sides[:, 1]
    return product


def levels(pixels: Tensor) -> Tensor:
    """uint8, rounded, from floats in 0..255; changes its argument in place.

    The conversion goes through int16, since torch does not vectorise the direct one: a sixth of
    the time.
    """
    return pixels.add_(0.5).to(torch.int16).to(torch.uint8)
