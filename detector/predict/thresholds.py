"""What counts as found."""

from __future__ import annotations

from dataclasses import dataclass

from maenas.blocks.errors import SpecError

MIN_SCORE, MAX_IOU, MAX_DETECTIONS = 0.4, 0.7, 300  # for images; an evaluation takes far more


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What counts as found.

    Attributes:
        min_score: objects score more, 0..1.
        max_iou: overlap beyond which the worse of two boxes of a class goes, 0..1.
        max_detections: most objects an image.
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
