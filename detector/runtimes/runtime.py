"""The seam between a detector and whatever runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from maenas.detector.arrays import Floats
from maenas.detector.errors import ModelError
from maenas.detector.ops.thresholds import Thresholds


class Runtime(ABC):
    """A detector ready to run.

    Attributes:
        in_shape: (channels, height, width) of its images.
        names: of the classes; () if it has none.
        resize: how an image is brought to that size, "letterbox" or "stretch".
        is_nano: whether DAMO-YOLO evaluates it as Ns, Nm and Nl, with thresholds of their own.
        nms: thresholds of the NMS that the model ends in; None if it ends before NMS. Such a
            model is run by `detect`, any other by `run`.
        about: one line for people: runtime, version, precision as read back, file.
    """

    in_shape: tuple[int, int, int]
    names: tuple[str, ...]
    resize: str
    is_nano: bool
    nms: Thresholds | None = None
    about: str

    @abstractmethod
    def run(self, images: Floats) -> tuple[Floats, Floats]:
        """Scores and boxes before NMS.

        Args:
            images: (B, 3, H, W), RGB in 0..255.
        Returns:
            Scores (B, N, num_classes) in 0..1, boxes (B, N, 4) as (x1, y1, x2, y2) in pixels of
            the resized image.
        Raises:
            ModelError: for a model that ends in NMS.
        """

    def detect(self, images: Floats) -> Floats:
        """Detections of a model that ends in NMS.

        Args:
            images: (B, 3, H, W), RGB in 0..255.
        Returns:
            (B, max_detections, 6) as x1 y1 x2 y2 score class, boxes in pixels of the resized
            image, best first, rows of zeros behind the last.
        Raises:
            ModelError: for a model that ends before NMS.
        """
        raise ModelError(f"{self.about}: ends before NMS; it has scores and boxes to run.")
