"""Base class of the runtimes of exported files: metadata, batches, and outputs by name."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from maenas.detector.arrays import Floats
from maenas.detector.errors import ModelError
from maenas.detector.runtimes.batches import Outputs, in_batches
from maenas.detector.runtimes.metadata import Metadata, suppression
from maenas.detector.runtimes.runtime import Runtime


class FileRuntime(Runtime):
    """Runtime of a file that `maenas export` wrote, with or without NMS at its end.

    Args:
        metadata: metadata of the file.
        path: path of the file.
        batch: batch size of the file; None for any.
    Raises:
        ModelError: if the file ends in NMS and its metadata lack the thresholds.
    """

    def __init__(self, metadata: Metadata, path: Path, batch: int | None) -> None:
        self.in_shape = metadata.in_shape
        self.names = metadata.names
        self.resize = metadata.resize
        self.is_nano = metadata.is_nano
        self.one_to_one = metadata.one_to_one
        self.trained = metadata.trained
        self.mapped_from = metadata.mapped_from
        self.nms = suppression(metadata, path)
        self._path = path
        self._batch = batch

    def run(self, images: Floats) -> tuple[Floats, Floats]:
        """See `Runtime.run`."""
        if self.nms is not None:
            raise ModelError(f"{self._path}: ends in NMS; it gives only detections.")
        scores, boxes = in_batches(images, self.in_shape, self._batch, self._before_nms)
        return scores, boxes

    def detect(self, images: Floats) -> Floats:
        """See `Runtime.detect`."""
        if self.nms is None:
            return super().detect(images)
        return in_batches(images, self.in_shape, self._batch, self._after_nms)[0]

    @abstractmethod
    def infer(self, images: Floats) -> Mapping[str, Any]:
        """Outputs by name for one batch, whose size the file supports."""

    def _before_nms(self, images: Floats) -> Outputs:
        found = self.infer(images)
        return found["scores"], found["boxes"]

    def _after_nms(self, images: Floats) -> Outputs:
        return (as_detections(self.infer(images)),)


def as_detections(outputs: Mapping[str, Any]) -> Floats:
    """Detections (B, max_detections, 6) from the outputs of an NMS of either kind.

    Args:
        outputs: arrays by name: `detections`, or the four of TensorRT's `EfficientNMS_TRT`.
    """
    if "detections" in outputs:
        whole: Floats = outputs["detections"]
        return whole
    boxes, scores = outputs["det_boxes"], outputs["det_scores"]
    columns = (boxes, scores[..., None], outputs["det_classes"][..., None].astype(np.float32))
    rows: Floats = np.concatenate(columns, axis=2)
    filled = np.arange(rows.shape[1]) < outputs["num_dets"]  # (B, max_detections)
    return np.where(filled[..., None], rows, np.float32(0))
