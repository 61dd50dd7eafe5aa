"""Confusion matrix of a detector at one confidence threshold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maenas.detector.evaluate.evaluate import Seen
from maenas.detector.evaluate.figures import as_label, new_figure, save_figure
from maenas.detector.evaluate.matching import MIN_IOU, match
from maenas.detector.ops.thresholds import MIN_SCORE

BACKGROUND = "background"
MAX_NUMBERED = 20  # classes; counts stay legible up to here
MAX_NAMED = 100


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of objects by true class and predicted class.

    Attributes:
        names: names of the K classes.
        counts: (K + 1, K + 1): rows are true classes, columns predicted ones. The last row and
            column are background: false detections in the row, missed objects in the column.
        min_score: confidence threshold, 0..1.
        min_iou: minimum IoU of an object and a detection that match.
    """

    names: tuple[str, ...]
    counts: NDArray[np.int64]
    min_score: float
    min_iou: float

    def to_json(self) -> dict[str, Any]:
        """Class names with the background, and rows of counts."""
        return {
            "min_score": self.min_score,
            "min_iou": self.min_iou,
            "names": [*self.names, BACKGROUND],
            "counts": self.counts.tolist(),
        }


def confusion(
    seen: Iterable[Seen],
    names: tuple[str, ...],
    min_score: float = MIN_SCORE,
    min_iou: float = MIN_IOU,
) -> Confusion:
    """The confusion matrix of some images.

    Args:
        seen: images with their ground truth and detections.
        names: names of the data set's classes.
        min_score: confidence threshold, 0..1.
        min_iou: minimum IoU of an object and a detection that match.
    """
    background = len(names)
    counts = np.zeros((background + 1, background + 1), dtype=np.int64)
    for each in seen:
        labels, classes = each.sample.labels, each.found.classes
        matching = match(each.sample, each.found, min_score, min_iou)
        for truth, finding in (*matching.right, *matching.confused):
            counts[labels[truth], classes[finding]] += 1
        for truth in matching.missed:
            counts[labels[truth], background] += 1
        for finding in matching.false:
            counts[background, classes[finding]] += 1
    return Confusion(names, counts, min_score, min_iou)


def plot_confusion(matrix: Confusion, path: Path) -> None:
    """Plot the counts; the colour of a cell is its share of the row."""
    counts, classes = matrix.counts, len(matrix.counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(4 + 0.4 * classes, 16)
    figure = new_figure(side + 1, side)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label="share of the row", shrink=0.8)
    if classes - 1 <= MAX_NUMBERED:
        for row, column in np.argwhere(counts):
            colour = "white" if shares[row, column] > 0.5 else "black"
            text = f"{counts[row, column]:,}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize="small")
    if classes - 1 <= MAX_NAMED:
        labels = [as_label(name) for name in (*matrix.names, BACKGROUND)]
        size = max(4.0, min(10.0, 300 / classes))
        axes.set_xticks(range(classes), labels, rotation=90, fontsize=size)
        axes.set_yticks(range(classes), labels, fontsize=size)
    axes.set(xlabel="found", ylabel="there")
    axes.set_title(f"score above {matrix.min_score:g}, IoU {matrix.min_iou:g} or more")
    save_figure(figure, path)
