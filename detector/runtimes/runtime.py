"""The interface of a runtime, which runs a detector."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from maenas.detector.arrays import Floats
from maenas.detector.errors import ModelError
from maenas.detector.ops.thresholds import Thresholds, choose_thresholds


class Runtime(ABC):
    """A detector that is loaded for inference.

    Attributes:
        in_shape: (channels, height, width) of the input images.
        names: names of the classes; () if it has none.
        resize: method that resizes an image to that shape, "letterbox" or "stretch".
        is_nano: whether DAMO-YOLO evaluates it with the thresholds of Ns, Nm and Nl.
        trained: whether training made the weights; None if that is unknown.
        mapped_from: detector that weights were mapped from which are not trained; None for others.
        one_to_one: whether it predicts each object once, so that its detections need no NMS.
        nms: thresholds of the NMS at the end of the model; None if it has no NMS. A model with NMS
            is run by `detect`, any other by `run`.
        about: line for the terminal: runtime, version, precision as read back, file.
    """

    in_shape: tuple[int, int, int]
    names: tuple[str, ...]
    resize: str
    is_nano: bool
    trained: bool | None = None
    mapped_from: str | None = None
    one_to_one: bool = False
    nms: Thresholds | None = None
    about: str

    def thresholds(
        self,
        usual: Thresholds,
        min_score: float | None = None,
        max_iou: float | None = None,
        max_detections: int | None = None,
    ) -> Thresholds:
        """The thresholds that a user gave, with default values that suit the model for the rest.

        Args:
            usual: default thresholds of the command, for a model that needs NMS.
            min_score: minimum confidence that the user gave, None if not given.
            max_iou: NMS IoU threshold that the user gave, None if not given.
            max_detections: maximum number of detections that the user gave, None if not given.
        Raises:
            SpecError: if one is out of range, or the NMS in the model cannot honour it.
        """
        suited = usual.without_nms() if self.one_to_one else usual
        return choose_thresholds(suited, self.nms, min_score, max_iou, max_detections)

    @abstractmethod
    def run(self, images: Floats) -> tuple[Floats, Floats]:
        """Compute scores and boxes before NMS.

        Args:
            images: (B, C, H, W), RGB or grey as `in_shape` says, in 0..255.
        Returns:
            Scores (B, N, num_classes) in 0..1, boxes (B, N, 4) as (x1, y1, x2, y2) in pixels of
            the resized image.
        Raises:
            ModelError: if the model ends in NMS.
        """

    def run_there(self, images: Floats) -> tuple[Tensor, Tensor]:
        """Compute scores and boxes as `run` does, but leave them on the device that computes them.

        Raises:
            ModelError: if the model ends in NMS.
        """
        scores, boxes = self.run(images)
        return torch.from_numpy(scores), torch.from_numpy(boxes)

    def detect(self, images: Floats) -> Floats:
        """Compute the detections of a model that ends in NMS.

        Args:
            images: (B, C, H, W), RGB or grey as `in_shape` says, in 0..255.
        Returns:
            (B, max_detections, 6) as x1 y1 x2 y2 score class, boxes in pixels of the resized
            image, best first, rows of zeros behind the last.
        Raises:
            ModelError: if the model has no NMS.
        """
        raise ModelError(f"{self.about}: ends before NMS; it has scores and boxes to run.")
