"""The seam between a detector and whatever runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from maenas.detector.arrays import Floats


class Runtime(ABC):
    """A detector ready to run.

    Attributes:
        in_shape: (channels, height, width) of its images.
        names: of the classes; () if it has none.
        resize: how an image is brought to that size, "letterbox" or "stretch".
        is_nano: whether DAMO-YOLO evaluates it as Ns, Nm and Nl, with thresholds of their own.
        about: one line for people: runtime, version, precision as read back, file.
    """

    in_shape: tuple[int, int, int]
    names: tuple[str, ...]
    resize: str
    is_nano: bool
    about: str

    @abstractmethod
    def run(self, images: Floats) -> tuple[Floats, Floats]:
        """Scores and boxes before NMS.

        Args:
            images: (B, 3, H, W), RGB in 0..255.
        Returns:
            Scores (B, N, num_classes) in 0..1, boxes (B, N, 4) as (x1, y1, x2, y2) in pixels of
            the resized image.
        """
