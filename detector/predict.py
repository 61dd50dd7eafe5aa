"""From a picture to the objects in it: resize, run, suppress, and back on the picture."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from detector.nms import Detections, nms
from detector.pictures import Pixels
from detector.resize import Placement, fit
from detector.results import Objects
from detector.runtimes.runtime import Runtime
from detector.thresholds import Thresholds


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
