"""Which objects of an image were found at one score, and what was found that is none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask

from maenas.detector.data.samples import Sample
from maenas.detector.evaluate.coco import to_xywh
from maenas.detector.ops.thresholds import MIN_SCORE
from maenas.detector.predict.results import Objects

MIN_IOU = 0.5
Indices = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Matching:
    """Objects and findings of one image, paired.

    Attributes:
        right: (object, finding) of one class, by index.
        confused: (object, finding) of two classes.
        missed: objects without a finding.
        false: findings without an object; those upon a crowd of their class are not among them.
    """

    right: tuple[tuple[int, int], ...]
    confused: tuple[tuple[int, int], ...]
    missed: Indices
    false: Indices

    @property
    def mistakes(self) -> int:
        """How many there are; an object taken for another is one."""
        return len(self.confused) + len(self.missed) + len(self.false)


def match(
    sample: Sample, found: Objects, min_score: float = MIN_SCORE, min_iou: float = MIN_IOU
) -> Matching:
    """Pair what is on an image with what was found.

    The best finding chooses first, the object it overlaps most; objects of its own class go
    first, and only what is left over may be taken for another class.

    Args:
        sample: what is on the image.
        found: with the data set's classes, best first.
        min_score: findings score more.
        min_iou: a pair overlaps at least so much.
    """
    findings = np.flatnonzero(found.scores > min_score)
    overlaps = _overlaps(sample, found, findings)
    same = sample.labels[None] == found.classes[findings][:, None]  # (F, N)
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
    """(F, N): IoU with objects; with crowds the share of the finding that lies upon them."""
    shape = len(findings), len(sample.labels)
    if 0 in shape:
        return np.zeros(shape)
    boxes, others = to_xywh(found.boxes[findings]), to_xywh(sample.boxes)
    return np.asarray(mask.iou(boxes, others, sample.crowd.astype(np.uint8).tolist()))
