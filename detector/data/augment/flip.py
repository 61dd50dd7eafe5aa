"""Horizontal flip of an image."""

from __future__ import annotations

from dataclasses import replace

from maenas.detector.data.labelled import Labelled


def flip(scene: Labelled) -> Labelled:
    """The image and its boxes flipped left to right; outlines are dropped."""
    width = scene.size[1]
    boxes = scene.boxes[:, [2, 1, 0, 3]].copy()
    boxes[:, [0, 2]] = width - boxes[:, [0, 2]]
    return replace(scene, pixels=scene.pixels.flip(-1), boxes=boxes, outlines=())
