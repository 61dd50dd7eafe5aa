"""Types of the options that methods of `Detector` hand to the functions of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from maenas.budgets.image_size import InputSize
    from maenas.detector.assign import Assigner
    from maenas.detector.train import Recipe
    from maenas.training.trackers.tracker import Tracker


class ThresholdKeywords(TypedDict, total=False):
    """Options of an inference; see `Predictor.predict`."""

    min_score: float | None
    max_iou: float | None
    max_detections: int | None


class TrainKeywords(TypedDict, total=False):
    """Options of a training; see `maenas.train`."""

    epochs: int | None
    patience: int | None
    out: str | Path | None
    resume: bool
    exist_ok: bool
    recipe: str | Path | Recipe | None
    changes: Mapping[str, object] | Sequence[str]
    assigner: str | Assigner | None
    input_size: InputSize
    init: str | Path | None
    compute: str
    workers: int | None
    ray: str | None
    processes: int
    trackers: Sequence[str | Tracker] | None
    skip_final_evaluation: bool


class ValKeywords(TypedDict, total=False):
    """Options of an evaluation; see `maenas.val`."""

    split: str
    out: str | Path | None
    min_score: float | None
    max_iou: float | None
    at_score: float | None
    max_detections: int
    branch: str | None
    batch: int
    readers: int
    precision: str | None
    threads: int | None
    compute: str
    save: bool
    exist_ok: bool


class ExportKeywords(TypedDict, total=False):
    """Options of an export; see `maenas.export`."""

    file_format: str | None
    precision: str
    end2end: bool
    plugin: str | None
    batch: int | str | None
    input_size: InputSize
    opset: int
    min_score: float
    max_iou: float | None
    max_detections: int
    calibration: str | Path | None
    image: str | Path | None
    version_compatible: bool
    hardware_compatible: bool
    exist_ok: bool
