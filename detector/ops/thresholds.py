"""Thresholds of NMS: which detections of an image count."""

from __future__ import annotations

from dataclasses import dataclass, replace

from maenas.blocks.errors import SpecError

MIN_SCORE, MAX_IOU, MAX_DETECTIONS = 0.4, 0.7, 300  # for prediction; evaluation keeps far more


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Confidence threshold, NMS IoU threshold and maximum number of detections.

    Attributes:
        min_score: minimum confidence, 0..1; a detection scores more.
        max_iou: NMS IoU threshold, 0..1: of two boxes of one class that overlap more, the less
            confident one is removed. 1 removes none, as for a one-to-one head.
        max_detections: maximum number of detections in an image.
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

    @property
    def has_nms(self) -> bool:
        """Whether NMS can remove a box: no IoU exceeds 1."""
        return self.max_iou < 1

    def without_nms(self) -> Thresholds:
        """The same thresholds without NMS."""
        return replace(self, max_iou=1.0)

    def __str__(self) -> str:
        nms = f"NMS IoU threshold {self.max_iou:g}" if self.has_nms else "no NMS"
        return (
            f"confidence above {self.min_score:g}, {nms}, at most {self.max_detections} detections "
            "per image"
        )


def choose_thresholds(
    usual: Thresholds,
    inside: Thresholds | None = None,
    min_score: float | None = None,
    max_iou: float | None = None,
    max_detections: int | None = None,
) -> Thresholds:
    """The thresholds that a user gave, with default values for the rest.

    Args:
        usual: default thresholds of the command.
        inside: thresholds of the NMS that is part of the model file, None without one. Where the
            file cannot honour a default value, the value of the file is used.
        min_score: minimum confidence that the user gave, None if not given.
        max_iou: NMS IoU threshold that the user gave, None if not given.
        max_detections: maximum number of detections that the user gave, None if not given.
    Raises:
        SpecError: if a given threshold is out of range, or the file cannot honour it.
    """
    if inside is not None:
        usual = Thresholds(
            max(usual.min_score, inside.min_score),
            inside.max_iou,
            min(usual.max_detections, inside.max_detections),
        )
    chosen = Thresholds(
        usual.min_score if min_score is None else min_score,
        usual.max_iou if max_iou is None else max_iou,
        usual.max_detections if max_detections is None else max_detections,
    )
    if inside is not None:
        require_honoured(chosen, inside)
    return chosen


def require_honoured(asked: Thresholds, inside: Thresholds) -> None:
    """Raise unless the detections of an NMS with thresholds `inside` can be filtered to `asked`.

    A higher confidence threshold and fewer detections are possible, since a box is only removed
    by a more confident one.

    Raises:
        SpecError: naming the threshold, the value inside and how to change it.
    """
    again = "; export the detector again with"
    if asked.min_score < inside.min_score:
        raise SpecError(
            f"min_score: the model ends in an NMS that drops scores up to {inside.min_score:g}, "
            f"got {asked.min_score:g}{again} --min-score {asked.min_score:g} to see lower ones."
        )
    if asked.max_iou != inside.max_iou and not inside.has_nms:
        raise SpecError(
            f"max_iou: the model ends in the detections of a one-to-one head, without NMS, got "
            f"{asked.max_iou:g}{again} --max-iou {asked.max_iou:g}, or without --end2end."
        )
    if asked.max_iou != inside.max_iou:
        raise SpecError(
            f"max_iou: the model ends in an NMS at {inside.max_iou:g}, which cannot be changed "
            f"afterwards, got {asked.max_iou:g}{again} --max-iou {asked.max_iou:g}, or without "
            "--end2end."
        )
    if asked.max_detections > inside.max_detections:
        raise SpecError(
            f"max_detections: the model gives at most {inside.max_detections} per image, got "
            f"{asked.max_detections}{again} --max-detections {asked.max_detections}."
        )
