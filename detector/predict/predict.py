"""Inference from image to detections: resize, run, NMS, and boxes in image pixels."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from maenas.detector.arrays import Floats
from maenas.detector.media.images import Pixels
from maenas.detector.media.resize import Placement, fit
from maenas.detector.ops.nms import Detections, load_operators, nms
from maenas.detector.ops.thresholds import Thresholds, require_honoured
from maenas.detector.predict.results import Objects
from maenas.detector.runtimes.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Seconds:
    """Seconds that each stage took for some images."""

    before: float
    network: float
    after: float


def predict(
    runtime: Runtime, images: Sequence[Pixels], thresholds: Thresholds
) -> tuple[list[Objects], Seconds]:
    """Detect the objects in each image, and measure the time of each stage.

    Args:
        runtime: runtime that holds the detector.
        images: RGB images, each (height, width, 3), of any size.
        thresholds: thresholds of the NMS.
    Raises:
        SpecError: if the runtime's model ends in an NMS that cannot honour the thresholds.
    """
    if runtime.nms is not None:
        require_honoured(thresholds, runtime.nms)
    else:
        load_operators()
    started = time.perf_counter()
    fitted = [fit(pixels, runtime.in_shape, runtime.resize) for pixels in images]
    batch = np.stack([planes for planes, _ in fitted]) if len(fitted) > 1 else fitted[0][0][None]
    prepared = time.perf_counter()
    if runtime.nms is None:
        scores, boxes = runtime.run_there(batch)
        ran = time.perf_counter()
        kept = [
            nms(*maps, thresholds.min_score, thresholds.max_iou, thresholds.max_detections)
            for maps in zip(scores, boxes, strict=True)
        ]
    else:
        rows = runtime.detect(batch)
        ran = time.perf_counter()
        kept = [_cut(each, thresholds) for each in rows]
    placements = (placement for _, placement in fitted)
    found = [
        on_image(each, placement, runtime.names)
        for each, placement in zip(kept, placements, strict=True)
    ]
    ended = time.perf_counter()
    return found, Seconds(prepared - started, ran - prepared, ended - ran)


def _cut(rows: Floats, thresholds: Thresholds) -> Detections:
    """Detections of one image from the rows (max_detections, 6) of an NMS inside the model."""
    kept = torch.from_numpy(rows[rows[:, 4] > thresholds.min_score][: thresholds.max_detections])
    return Detections(kept[:, :4], kept[:, 4], kept[:, 5].long())


def on_image(kept: Detections, placement: Placement, names: tuple[str, ...]) -> Objects:
    """Detections in pixels of the image instead of the input, without boxes outside the image."""
    boxes = placement.to_image(kept.boxes.cpu().numpy())
    inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    scores, classes = kept.scores.cpu().numpy()[inside], kept.classes.cpu().numpy()[inside]
    return Objects(placement.image, boxes[inside], scores, classes, names)
