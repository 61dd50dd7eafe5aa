"""Matching of ground truth and detections of an image at one confidence threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask

from maenas.detector.data.labelled import EVERY_CLASS
from maenas.detector.data.samples import Sample
from maenas.detector.evaluate.coco import to_xywh
from maenas.detector.ops.thresholds import MIN_SCORE
from maenas.detector.predict.results import Objects

MIN_IOU = 0.5
Indices = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Matching:
    """Ground truth objects and detections of one image, matched.

    Attributes:
        right: indices (object, detection) of pairs of one class.
        confused: indices (object, detection) of pairs of different classes.
        missed: indices of objects without a detection.
        false: indices of detections without an object, except those on a crowd of their class.
    """

    right: tuple[tuple[int, int], ...]
    confused: tuple[tuple[int, int], ...]
    missed: Indices
    false: Indices

    @property
    def mistakes(self) -> int:
        """Number of mistakes; an object with the wrong class is one mistake."""
        return len(self.confused) + len(self.missed) + len(self.false)


def match(
    sample: Sample, found: Objects, min_score: float = MIN_SCORE, min_iou: float = MIN_IOU
) -> Matching:
    """Match the ground truth of an image with its detections.

    In order of confidence, each detection takes the object of its class that it overlaps most.
    Objects and detections that remain are then matched across classes.

    Args:
        sample: image with its ground truth.
        found: detections with the data set's classes, most confident first.
        min_score: confidence threshold, 0..1.
        min_iou: minimum IoU of an object and a detection that match.
    """
    findings = np.flatnonzero(found.scores > min_score)
    overlaps = _overlaps(sample, found, findings)
    same = sample.labels[None] == found.classes[findings][:, None]  # (F, N)
    same |= (sample.labels == EVERY_CLASS)[None]
    objects = ~sample.crowd
    free, unpaired = objects.copy(), np.ones(len(findings), dtype=bool)
    pairs: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
    for of_one_class in (True, False):
        for row in np.flatnonzero(unpaired):
            fitting = np.where(free & (same[row] == of_one_class), overlaps[row], 0)
            if len(fitting) and fitting.max() >= min_iou:
                best = int(fitting.argmax())
                free[best] = unpaired[row] = False
                pairs[of_one_class].append((best, int(findings[row])))
    ignored = (same & sample.crowd & (overlaps >= min_iou)).any(axis=1)
    return Matching(
        tuple(pairs[True]),
        tuple(pairs[False]),
        tuple(np.flatnonzero(free).tolist()),
        tuple(findings[unpaired & ~ignored].tolist()),
    )


def _overlaps(sample: Sample, found: Objects, findings: NDArray[np.int64]) -> NDArray[np.float64]:
    """(F, N): IoU of detections with objects; for a crowd, share of the detection inside it."""
    shape = len(findings), len(sample.labels)
    if 0 in shape:
        return np.zeros(shape)
    boxes, others = to_xywh(found.boxes[findings]), to_xywh(sample.boxes)
    return np.asarray(mask.iou(boxes, others, sample.crowd.astype(np.uint8).tolist()))
