"""Evaluate a detector on a data set: the result, warnings and files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maenas.detection.detect import write_results

if TYPE_CHECKING:
    from maenas.detection.predictor import Predictor
    from maenas.detector.data.dataset import Dataset
    from maenas.detector.evaluate.evaluate import DetectorEvaluation
    from maenas.detector.evaluate.report import MistakeReport
    from maenas.detector.evaluate.sources import SourceScores
    from maenas.detector.ops.thresholds import Thresholds

SCHEMA = "maenas/val@1"


@dataclass(frozen=True, slots=True)
class ValResult:
    """The accuracy of a detector on a data set.

    Attributes:
        model: name of the detector, as given.
        runtime: runtime and precision of the evaluation, as text for the terminal.
        trained: whether it has trained weights; None if that is unknown.
        in_shape: (channels, height, width) that images are resized to.
        data: file of the data set.
        split: split of the data set, such as "val".
        names: names of the classes of the data set.
        folder: folder of the files written; None if none was written.
        evaluation: AP and AR, latency, and the detections of each image.
        report: confidence threshold of the counts, confusion matrix and the worst images.
        unreadable: reason for each image that the data set skipped.
        sources: metrics on each data set of a union, over the classes that it annotates;
            () for any other data set.
    """

    model: str
    runtime: str
    trained: bool | None
    in_shape: tuple[int, int, int]
    data: Path
    split: str
    names: tuple[str, ...]
    folder: Path | None
    evaluation: DetectorEvaluation
    report: MistakeReport
    unreadable: tuple[str, ...]
    sources: tuple[SourceScores, ...] = ()

    @property
    def ap(self) -> float:
        """COCO's AP, the mean over IoU 0.50 to 0.95 and the classes."""
        return self.evaluation.scores.ap

    @property
    def ap50(self) -> float:
        """AP at IoU 0.50."""
        return self.evaluation.scores.ap50

    @property
    def skipped(self) -> tuple[str, ...]:
        """The reason for each image that could not be read."""
        return (*self.unreadable, *self.evaluation.skipped)

    def to_json(self) -> dict[str, Any]:
        """The result as plain data, as `results.json` holds it."""
        found = self.evaluation
        return {
            "schema": SCHEMA,
            "model": self.model,
            "runtime": self.runtime,
            "trained": self.trained,
            "in_shape": list(self.in_shape),
            "data": str(self.data),
            "split": self.split,
            "names": list(self.names),
            "folder": None if self.folder is None else str(self.folder),
            "images": len(found.seen),
            "objects": sum(each.objects for each in found.scores.per_class),
            "skipped": list(self.skipped),
            "thresholds": {
                "min_score": found.thresholds.min_score,
                "max_iou": found.thresholds.max_iou,
                "max_detections": found.thresholds.max_detections,
            },
            **found.scores.to_json(),
            **({"sources": [each.to_json() for each in self.sources]} if self.sources else {}),
            "median_ms": found.latency.to_json(),
            **self.report.to_json(),
        }


def val_thresholds(
    detector: Predictor,
    max_detections: int,
    min_score: float | None = None,
    max_iou: float | None = None,
) -> Thresholds:
    """The thresholds of an evaluation: those published for the detector where none is given.

    Args:
        detector: the detector.
        max_detections: maximum number of detections of one class in an image that count.
        min_score: minimum confidence that the user gave, None if not given.
        max_iou: NMS IoU threshold that the user gave, None if not given.
    Raises:
        SpecError: if a threshold is out of range, or looser than that of the model's own NMS.
    """
    from dataclasses import replace

    from maenas.detector.evaluate.coco import COUNTED
    from maenas.detector.evaluate.evaluate import published_thresholds

    usual = published_thresholds(detector.runtime.is_nano)
    # The published limit holds for all classes of an image, the user's for each of them.
    if max_detections != COUNTED:
        most = max_detections * len(detector.names)
        usual = replace(usual, max_detections=max(usual.max_detections, most))
    return detector.runtime.thresholds(usual, min_score, max_iou)


def evaluated(
    detector: Predictor,
    dataset: Dataset,
    split: str,
    thresholds: Thresholds,
    max_detections: int,
    *,
    at_score: float | None = None,
    batch: int = 1,
    readers: int = 0,
    folder: Path | None = None,
) -> ValResult:
    """Evaluate a detector on a data set, with a progress line; writes nothing.

    Args:
        detector: detector whose classes match those of the data set.
        dataset: images and ground truth.
        split: name of the split that the data set is.
        thresholds: thresholds of the detections.
        max_detections: maximum number of detections of a class in an image that count.
        at_score: confidence threshold at which errors are counted; that of the best F1 if None.
        batch: number of images that the network takes at once.
        readers: number of threads that read images ahead.
        folder: folder that the result will name.
    """
    from maenas.detector.evaluate.evaluate import evaluate
    from maenas.detector.evaluate.report import report_mistakes
    from maenas.detector.evaluate.sources import source_scores
    from maenas.terminal.progress import Counter

    with Counter("val", len(dataset), "images") as counter:
        found = evaluate(
            *(detector.runtime, dataset, thresholds, batch, readers, counter.advance),
            max_detections=max_detections,
        )
    return ValResult(
        model=detector.name,
        runtime=detector.runtime.about,
        trained=detector.trained,
        in_shape=detector.in_shape,
        data=dataset.source,
        split=split,
        names=dataset.names,
        folder=folder,
        evaluation=found,
        report=report_mistakes(found, at_score),
        unreadable=unreadable(dataset),
        sources=source_scores(dataset, found.seen, max_detections),
    )


def unreadable(dataset: Dataset) -> tuple[str, ...]:
    """The reason for each image that the data set skipped."""
    return tuple(str(problem) for problem in dataset.problems if problem.group == "images")


def warnings_about(detector: Predictor, dataset: Dataset) -> list[str]:
    """Warnings about the detector and the labels that make the result less reliable."""
    from maenas.terminal.console import count_of

    lines = [detector.untrained()] if detector.trained is False else []
    extra = [name for name in detector.names if name not in dataset.names]
    if extra:
        some = ", ".join(extra[:5]) + (", .." if len(extra) > 5 else "")
        lines.append(f"the data set labels no {some}: detections of these classes do not count")
    wrong = [problem for problem in dataset.problems if problem.group != "images"]
    if wrong:
        count = count_of(len(wrong), "problem")
        lines.append(f"{count} in the labels, such as {wrong[0]}; `maenas data check` lists all")
    return lines


def write_evaluation(folder: Path, result: ValResult, dataset: Dataset) -> None:
    """Write the result, its plots, and all detections as COCO results.

    Raises:
        MaenasError: if a file cannot be written.
    """
    from maenas.detector.evaluate.report import save_report
    from maenas.detector.predict.results import CocoIds, coco_results

    save_report(result.evaluation, result.report, folder)
    ids = CocoIds({}, dataset.category_ids)
    rows = [
        row
        for each in result.evaluation.seen
        for row in coco_results(each.found, each.sample.image_id, ids)
    ]
    write_results(folder, result.to_json(), rows)
