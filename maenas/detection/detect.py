"""Detect objects in files: ids of COCO results, the result and its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.json_file import json_text

if TYPE_CHECKING:
    from maenas.detection.inference import FileObjects, Inference
    from maenas.detection.predictor import Predictor
    from maenas.detector.media.addresses import Address
    from maenas.detector.media.images import Source
    from maenas.detector.predict.results import CocoIds

SCHEMA = "maenas/detect@1"
# Key in `Inference.seconds` -> word on the terminal. "read" is no part of the detector.
PARTS = {
    "read": "reading",
    "before": "pre-processing",
    "network": "network",
    "after": "post-processing",
}
RESULTS_FILE, COCO_FILE = "results.json", "coco.json"


@dataclass(frozen=True, slots=True)
class DetectResult:
    """Objects that a detector found in some files.

    Attributes:
        model: name of the detector, as given.
        runtime: runtime and precision of the inference, as text for the terminal.
        trained: whether the detector has trained weights, without which it detects nothing; None if
            that is unknown.
        in_shape: (channels, height, width) that images are resized to.
        names: names of the classes; () if they have none.
        folder: folder of the files written; None if none was written.
        looked: number of images and frames.
        objects: number of objects of each class, the most frequent class first.
        failed: reason for each file that could not be read.
        median_ms: median time per image of each part of the work, in milliseconds.
        interrupted: whether the user stopped it before the last file.
        images: objects of each image and frame, if they were kept.
    """

    model: str
    runtime: str
    trained: bool | None
    in_shape: tuple[int, int, int]
    names: tuple[str, ...]
    folder: Path | None
    looked: int
    objects: Mapping[str, int]
    failed: Mapping[Path | Address, str]
    median_ms: Mapping[str, float]
    interrupted: bool
    images: tuple[FileObjects, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The result as plain data; `images` only if they were kept."""
        result: dict[str, Any] = {
            "schema": SCHEMA,
            "model": self.model,
            "runtime": self.runtime,
            "trained": self.trained,
            "in_shape": list(self.in_shape),
            "names": list(self.names),
            "folder": None if self.folder is None else str(self.folder),
            "looked": self.looked,
            "objects": dict(self.objects),
            "failed": [{"file": str(file), "error": why} for file, why in self.failed.items()],
            "median_ms": dict(self.median_ms),
            "interrupted": self.interrupted,
        }
        if self.images:
            result["images"] = [image.to_json() for image in self.images]
        return result


def detect_result(
    model: str, detector: Predictor, inference: Inference, folder: Path | None
) -> DetectResult:
    """The result of an inference."""
    return DetectResult(
        model=model,
        runtime=detector.runtime.about,
        trained=detector.trained,
        in_shape=detector.in_shape,
        names=detector.names,
        folder=folder,
        looked=inference.looked,
        objects=dict(inference.tally.most_common()),
        failed=dict(inference.failed),
        median_ms={
            name: round(1e3 * median(inference.seconds[name]), 3)
            for name in PARTS
            if inference.seconds[name]
        },
        interrupted=inference.interrupted,
        images=tuple(inference.images),
    )


def coco_ids(detector: Predictor, sources: Sequence[Source], annotations: Path | None) -> CocoIds:
    """Image and category ids of COCO results; all files are looked up before any is read.

    Raises:
        AnnotationError: if the annotation file lacks an image or a class.
    """
    from maenas.detector.predict.results import default_ids, load_ids

    files = [source.path for source in sources]
    if annotations is None:
        images = [source.path for source in sources if not source.is_video]
        return default_ids(detector.names, images if len(images) == len(files) else [])
    ids = load_ids(annotations, detector.names)
    for index, file in enumerate(files):
        ids.image(file, index)
    return ids


def write_results(
    folder: Path, result: Mapping[str, Any] | None, coco: Sequence[Mapping[str, Any]] | None
) -> None:
    """Write `results.json` and `coco.json`, each if it is given.

    Raises:
        SpecError: if a file cannot be written.
    """
    for name, data in ((RESULTS_FILE, result), (COCO_FILE, coco)):
        if data is not None:
            write_text(folder / name, json_text(data) + "\n")
