"""From an image to the objects in it: resize, run, suppress, and back on the image."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from maenas.detector.media.images import Pixels
from maenas.detector.media.resize import Placement, fit
from maenas.detector.ops.nms import Detections, nms
from maenas.detector.predict.results import Objects
from maenas.detector.predict.thresholds import Thresholds
from maenas.detector.runtimes.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Seconds:
    """Where the time of some images went."""

    before: float
    network: float
    after: float


def predict(
    runtime: Runtime, images: Sequence[Pixels], thresholds: Thresholds
) -> tuple[list[Objects], Seconds]:
    """The objects in each image, and how long that took.

    Args:
        runtime: the detector.
        images: each (height, width, 3), RGB, of any size.
        thresholds: what counts as found.
    """
    started = time.perf_counter()
    fitted = [fit(pixels, runtime.in_shape[1:], runtime.resize) for pixels in images]
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
        found.append(on_image(kept, placement, runtime.names))
    ended = time.perf_counter()
    return found, Seconds(prepared - started, ran - prepared, ended - ran)


def on_image(kept: Detections, placement: Placement, names: tuple[str, ...]) -> Objects:
    """Detections on the input as objects of the image, without those wholly beside it."""
    boxes = placement.to_image(kept.boxes.numpy())
    inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    scores, classes = kept.scores.numpy()[inside], kept.classes.numpy()[inside]
    return Objects(placement.image, boxes[inside], scores, classes, names)
