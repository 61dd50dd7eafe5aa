"""Detections drawn on an image, with class and confidence."""

from __future__ import annotations

from dataclasses import replace

from maenas.detector.media.draw_boxes import draw_boxes
from maenas.detector.media.images import Pixels
from maenas.detector.media.label_text import class_colour, enlarged
from maenas.detector.predict.results import Objects


def draw(pixels: Pixels, found: Objects) -> Pixels:
    """A copy of the image with the detections drawn on it, the most confident on top."""
    words = zip(found.labels, found.scores.tolist(), strict=True)
    texts = [f"{label} {score:.2f}" for label, score in words]
    colours = [class_colour(index) for index in found.classes.tolist()]
    return draw_boxes(pixels, found.boxes[::-1], texts[::-1], colours[::-1])


def draw_readable(pixels: Pixels, found: Objects) -> Pixels:
    """Like `draw`, but a small image is enlarged, so that texts do not hide what they name."""
    larger, times = enlarged(pixels)
    return draw(larger, replace(found, size=larger.shape[:2], boxes=times * found.boxes))
