"""From a picture to the objects in it: resize, run, suppress, and back on the picture."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from blocks.errors import SpecError
from detector.nms import Detections, nms
from detector.pictures import Pixels
from detector.resize import Placement, fit
from detector.results import Objects
from detector.runtimes.runtime import Runtime

MIN_SCORE, MAX_IOU, MAX_DETECTIONS = 0.4, 0.7, 300  # for pictures; an evaluation takes far more


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What counts as found.

    Attributes:
        min_score: objects score more, 0..1.
        max_iou: overlap beyond which the worse of two boxes of a class goes, 0..1.
        max_detections: most objects a picture.
    Raises:
        SpecError: if one is out of range.
    """

    min_score: float = MIN_SCORE
    max_iou: float = MAX_IOU
    max_detections: int = MAX_DETECTIONS

    def __post_init__(self) -> None:
        for name in ("min_score", "max_iou"):
            if not 0 <= getattr(self, name) <= 1:
                raise SpecError(f"{name}: must be in 0..1, got {getattr(self, name)}.")
        if self.max_detections < 1:
            raise SpecError(f"max_detections: must be at least 1, got {self.max_detections}.")


@dataclass(frozen=True, slots=True)
class Seconds:
    """Where the time of some pictures went."""

    before: float
    network: float
    after: float


def predict(
    runtime: Runtime, pictures: Sequence[Pixels], thresholds: Thresholds
) -> tuple[list[Objects], Seconds]:
    """The objects in each picture, and how long that took.

    Args:
        runtime: the detector.
        pictures: each (height, width, 3), RGB, of any size.
        thresholds: what counts as found.
    """
    started = time.perf_counter()
    fitted = [fit(pixels, runtime.in_shape[1:], runtime.resize) for pixels in pictures]
    batch = np.stack([planes for planes, _ in fitted]) if len(fitted) > 1 else fitted[0][0][None]
    prepared = time.perf_counter()
    scores, boxes = runtime.run(batch)
    ran = time.perf_counter()
    found = []
    for index, (_, placement) in enumerate(fitted):
        kept = nms(
            torch.from_numpy(scores[index]),
            torch.from_numpy(boxes[index]),
            thresholds.min_score,
            thresholds.max_iou,
            thresholds.max_detections,
        )
        found.append(on_picture(kept, placement, runtime.names))
    ended = time.perf_counter()
    return found, Seconds(prepared - started, ran - prepared, ended - ran)


def on_picture(kept: Detections, placement: Placement, names: tuple[str, ...]) -> Objects:
    """Detections on the input as objects of the picture, without those wholly beside it."""
    boxes = placement.to_picture(kept.boxes.numpy())
    inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    scores, classes = kept.scores.numpy()[inside], kept.classes.numpy()[inside]
    return Objects(placement.picture, boxes[inside], scores, classes, names)
