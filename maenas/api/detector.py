"""Python API: the class `Detector`.

import maenas

detector = maenas.Detector("zoo:damo-yolo-s").load("weights.safetensors")
found = detector("street.jpg")
for name, score, box in zip(found.labels, found.scores, found.boxes):
    print(name, score, box)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack, overload

import maenas
from maenas.api.keywords import (
    ExportKeywords,
    ThresholdKeywords,
    TrainKeywords,
    ValKeywords,
)
from maenas.detection.predictor import ImageSource, Predictor
from maenas.detector.errors import ModelError
from maenas.detector.predict.results import Objects

if TYPE_CHECKING:
    from maenas.detection.evaluate import ValResult
    from maenas.detection.export import ExportResult
    from maenas.training.result import TrainResult


class Detector(Predictor):
    """A detector, with methods for inference, training, evaluation and export.

    Args:
        model: a detector folder or its `detector.yaml`, a run of `maenas train` (its best
            detector), `zoo:NAME` of a published detector (without weights), or a file of
            `maenas export`: `.onnx`, `.xml`, `.engine`.
        precision: number format that OpenVINO computes in; other runtimes use that of the file.
        threads: number of CPU threads; all cores if None.
        compute: device that torch computes on, such as "cpu" or "cuda:0".
    Raises:
        MaenasError: if the model cannot be used.

    Attributes:
        name: name of the model, as given.
        spec: the detector as data; None for an exported file.
        trained: whether the detector has trained weights, without which it detects nothing; None if
            that is unknown.
        mapped_from: detector that its weights were mapped from, which no step has trained since;
            None for others.
        runtime: runtime that the detector runs in.

    Example:
        >>> detector = maenas.Detector("runs/train/exp")
        >>> detector("street.jpg").labels
        ('car', 'car', 'person')
    """

    @overload
    def __call__(  # type: ignore[overload-overlap]  # a path is also a sequence of texts
        self, images: ImageSource, **thresholds: Unpack[ThresholdKeywords]
    ) -> Objects: ...

    @overload
    def __call__(
        self, images: Sequence[ImageSource], **thresholds: Unpack[ThresholdKeywords]
    ) -> list[Objects]: ...

    def __call__(
        self, images: ImageSource | Sequence[ImageSource], **thresholds: Unpack[ThresholdKeywords]
    ) -> Objects | list[Objects]:
        """Detect the objects in an image, or in each of a list of images.

        Args:
            images: a path, a Pillow image, an array in 8 bits, (height, width, 3) RGB or (height,
                width) grey, or a list.
            thresholds: keyword arguments `min_score`, `max_iou`, `max_detections` of `predict`.

        Example:
            >>> one = detector("a.jpg")
            >>> several = detector(["a.jpg", "b.jpg"], min_score=0.2)
        """
        if isinstance(images, Sequence) and not isinstance(images, str):
            return [self.predict(image, **thresholds) for image in images]
        return self.predict(images, **thresholds)

    def train(self, data: str | Path, **options: Unpack[TrainKeywords]) -> TrainResult:
        """Train on a data set and load the trained weights; for options see `maenas.train`.

        Example:
            >>> detector = maenas.Detector("zoo:damo-yolo-ns")
            >>> detector.train("shapes", input_size=256, epochs=24).best_ap
        """
        return self._trained(maenas.train(self._source(), data, **options))

    def distill(
        self, teacher: str | Path, data: str | Path, **options: Unpack[TrainKeywords]
    ) -> TrainResult:
        """Train with a teacher and load the trained weights; for options see `maenas.distill`.

        Example:
            >>> maenas.Detector("zoo:damo-yolo-t").distill("runs/train/exp", "shapes")
        """
        return self._trained(maenas.distill(self._source(), teacher, data, **options))

    def val(self, data: str | Path, **options: Unpack[ValKeywords]) -> ValResult:
        """Evaluate the detector on labelled images; for options see `maenas.val`.

        Example:
            >>> detector.val("shapes", save=False).ap
        """
        return maenas.val(self, data, **options)

    def export(
        self, out: str | Path | None = None, **options: Unpack[ExportKeywords]
    ) -> ExportResult:
        """Export the detector for another runtime; for options see `maenas.export`.

        Example:
            >>> detector.export("detector.onnx").path
        """
        return maenas.export(self, out, **options)

    def _source(self) -> str:
        """Name of the model that a training starts from.

        Raises:
            ModelError: if the weights were loaded from a file that is not in a detector folder.
        """
        self.spec_and_network()
        if not self._is_saved:
            raise ModelError(
                f"{self.name}: its weights were loaded from a file; save(FOLDER) writes the "
                "detector that a training can begin from."
            )
        return self.name

    def _trained(self, result: TrainResult | None) -> TrainResult:
        """Replace the network by the result of a training."""
        if result is None:
            raise ModelError("train: only the first process of torchrun has a trained detector.")
        self.name = str(result.detector)
        self._open()
        return result
