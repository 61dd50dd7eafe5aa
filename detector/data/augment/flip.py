"""An image seen in a mirror."""

from __future__ import annotations

from dataclasses import replace

from maenas.detector.data.labelled import Labelled


def flip(scene: Labelled) -> Labelled:
    """Left and right exchanged; outlines are not kept."""
    width = scene.size[1]
    boxes = scene.boxes[:, [2, 1, 0, 3]].copy()
    boxes[:, [0, 2]] = width - boxes[:, [0, 2]]
    return replace(scene, pixels=scene.pixels.flip(-1), boxes=boxes, outlines=())
