"""Precision-recall curve of each class, and the confidence threshold of the best F1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maenas.detector.evaluate.coco import DIGITS, IOU_50, CocoScores
from maenas.detector.evaluate.figures import as_label, new_figure, save_figure

RECALLS = np.linspace(0, 1, 101)
CONFIDENCES = np.linspace(0, 1, 201)
COLOURS = 10  # in matplotlib's cycle
MAX_NAMED = 20  # classes; more do not fit into a legend


@dataclass(frozen=True, slots=True)
class WorkingPoint:
    """The confidence threshold with the best F1, at IoU 0.50.

    Attributes:
        min_score: confidence threshold at which the mean F1 of the classes is highest.
        f1: mean F1 of the classes at that threshold, 0..1.
    """

    min_score: float
    f1: float

    def to_json(self) -> dict[str, float]:
        """Both fields, rounded."""
        return {"min_score": round(self.min_score, DIGITS), "f1": round(self.f1, DIGITS)}


def f1_curves(scores: CocoScores) -> NDArray[np.float64]:
    """(201, K): F1 of each class at thresholds 0, 0.005 .. 1 and IoU 0.50; NaN without an object.

    For each threshold, F1 uses the highest of COCO's 101 recall values that is reached, with COCO's
    precision there, which is the best at that recall or a higher one.
    """
    precision, confidence = scores.precision[IOU_50], scores.confidence[IOU_50]  # (101, K)
    recall = RECALLS[:, None]
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    curves = np.full((len(CONFIDENCES), f1.shape[1]), np.nan)
    for k in np.flatnonzero(~np.isnan(precision[0])):
        reached = precision[:, k] > 0
        at_least = (confidence[:, k] >= CONFIDENCES[:, None]) & reached  # (201, 101)
        last = at_least.shape[1] - 1 - at_least[:, ::-1].argmax(axis=1)
        curves[:, k] = np.where(at_least.any(axis=1), f1[last, k], 0)
    return curves


def working_point(scores: CocoScores) -> WorkingPoint:
    """The threshold with the highest mean F1, the highest such threshold if several are equal.

    It is below 1: no detection is more confident than that.
    """
    curves = f1_curves(scores)[:-1]
    means = curves[:, ~np.isnan(curves[0])].mean(axis=1)
    best = len(means) - 1 - int(means[::-1].argmax())
    return WorkingPoint(float(CONFIDENCES[best]), float(means[best]))


def class_style(place: int) -> dict[str, Any]:
    """How the curve of a class is drawn: ten colours, dashed for the classes after the tenth."""
    again, colour = divmod(place, COLOURS)
    return {"linewidth": 1.0, "color": f"C{colour}", "linestyle": "--" if again else "-"}


def plot_curves(scores: CocoScores, path: Path) -> None:
    """Plot precision over recall and F1 over confidence at IoU 0.50, one line per class."""
    present = [k for k, each in enumerate(scores.per_class) if each.ap is not None]
    has_legend = len(present) <= MAX_NAMED
    figure = new_figure(12, 5)
    left, right = figure.subplots(1, 2)
    f1, point = f1_curves(scores), working_point(scores)
    for place, k in enumerate(present):
        each = scores.per_class[k]
        label = f"{as_label(each.name)} {each.ap50:.3f}" if has_legend else None
        style = class_style(place) if has_legend else {"linewidth": 0.6, "color": "silver"}
        left.plot(RECALLS, scores.precision[IOU_50, :, k], label=label, **style)
        right.plot(CONFIDENCES, f1[:, k], **style)
    mean = scores.precision[IOU_50][:, present].mean(axis=1)
    left.plot(RECALLS, mean, color="black", linewidth=2, label=f"mean {scores.ap50:.3f}")
    right.plot(CONFIDENCES, f1[:, present].mean(axis=1), color="black", linewidth=2)
    label = f"best mean {point.f1:.3f} at {point.min_score:.3f}"
    right.axvline(point.min_score, color="black", linestyle=":", label=label)
    left.set(xlabel="recall", ylabel="precision", title="Precision over recall, IoU 0.50 (AP50)")
    right.set(xlabel="score", ylabel="F1", title="F1 over score, IoU 0.50")
    for axes in (left, right):
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
        axes.grid(alpha=0.3)
        axes.legend(loc="lower left", fontsize="small")
    save_figure(figure, path)
