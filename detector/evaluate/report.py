"""Files of an evaluation: curves, confusion matrix and the worst images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maenas.detector.evaluate.confusion import Confusion, confusion, plot_confusion
from maenas.detector.evaluate.curves import WorkingPoint, plot_curves, working_point
from maenas.detector.evaluate.evaluate import DetectorEvaluation
from maenas.detector.evaluate.worst import COUNT, Worst, save_worst, worst_images
from maenas.detector.ops.thresholds import MIN_SCORE

CURVES_FILE, CONFUSION_FILE, WORST_FOLDER = "curves.png", "confusion.png", "worst"


@dataclass(frozen=True, slots=True)
class MistakeReport:
    """Mistakes of a detector at one confidence threshold.

    Attributes:
        point: confidence threshold with the highest mean F1.
        confusion: confusion matrix.
        worst: images with the most mistakes, the worst first.
    """

    point: WorkingPoint
    confusion: Confusion
    worst: tuple[Worst, ...]

    def to_json(self) -> dict[str, Any]:
        """All fields except the images."""
        return {
            "working_point": self.point.to_json(),
            "confusion": self.confusion.to_json(),
            "worst": [each.to_json() for each in self.worst],
        }


def report_mistakes(
    evaluation: DetectorEvaluation, min_score: float | None = None, count: int = COUNT
) -> MistakeReport:
    """Report the mistakes of an evaluated detector.

    Args:
        evaluation: result of the evaluation.
        min_score: confidence threshold of the detections that count; None for the threshold with
            the best F1, or `MIN_SCORE` if no detection is right at any threshold.
        count: maximum number of worst images.
    """
    point = working_point(evaluation.scores)
    if min_score is None:
        min_score = point.min_score if point.f1 else MIN_SCORE
    names = tuple(each.name for each in evaluation.scores.per_class)
    matrix = confusion(evaluation.seen, names, min_score)
    return MistakeReport(point, matrix, tuple(worst_images(evaluation.seen, count, min_score)))


def save_report(evaluation: DetectorEvaluation, report: MistakeReport, folder: Path) -> None:
    """Write `curves.png`, `confusion.png` and `worst/*.jpg`.

    Raises:
        MaenasError: if a file cannot be written.
    """
    plot_curves(evaluation.scores, folder / CURVES_FILE)
    plot_confusion(report.confusion, folder / CONFUSION_FILE)
    save_worst(report.worst, folder / WORST_FOLDER, report.confusion.min_score)
