"""How many detections COCO's metrics count, and whether that leaves some out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maenas.blocks.errors import SpecError
from maenas.detector.data.labelled import Labels
from maenas.detector.evaluate.coco import FEWEST_COUNTED
from maenas.detector.evaluate.evaluate import DetectorEvaluation


@dataclass(frozen=True, slots=True)
class Truncation:
    """Detections that do not count because a class has too many of them in an image.

    Attributes:
        limit: maximum number of detections of one class in an image that count.
        among: number of images.
        images: number of images in which a class has more detections than count.
        most: largest number of detections of one class in an image.
        crowded: number of images in which a class has more objects than detections count: there
            no detector reaches a recall of 1.
        most_objects: largest number of objects of one class in an image.
    """

    limit: int
    among: int
    images: int
    most: int
    crowded: int
    most_objects: int


def require_counted(max_detections: int) -> None:
    """Raise `SpecError` if the metrics cannot be computed with so few detections."""
    if max_detections < FEWEST_COUNTED:
        raise SpecError(
            f"max_detections: must be at least {FEWEST_COUNTED}, since AR at {FEWEST_COUNTED} "
            f"detections is computed, got {max_detections}."
        )


def truncation(evaluation: DetectorEvaluation) -> Truncation:
    """Which images have more detections, or more objects, of a class than count."""
    limit = evaluation.scores.max_detections
    found = np.array([_most(each.found.classes) for each in evaluation.seen])
    there = np.array([_most(each.sample.labels[~each.sample.crowd]) for each in evaluation.seen])
    counts = int((found > limit).sum()), int(found.max()), int((there > limit).sum())
    return Truncation(limit, len(found), *counts, int(there.max()))


def lines_about(truncation: Truncation) -> list[str]:
    """Warnings about images that hold more objects or detections than count; [] if none do."""
    limit, among = truncation.limit, truncation.among
    if truncation.crowded:
        return [
            f"in {truncation.crowded} of {among} images there are more than {limit} objects of a "
            f"class, up to {truncation.most_objects}, but only {limit} detections of it count: AP "
            f"and recall cannot reach 1; --max-detections {truncation.most_objects} or more counts "
            "all"
        ]
    if truncation.images:
        return [
            f"in {truncation.images} of {among} images, more than {limit} boxes of a class have a "
            f"confidence above the minimum, up to {truncation.most}; the {limit} most confident "
            f"count, as in COCO; --max-detections {truncation.most} counts all"
        ]
    return []


def _most(classes: Labels) -> int:
    """Largest number of entries of one class."""
    return int(np.bincount(classes).max()) if len(classes) else 0
