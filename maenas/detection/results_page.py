"""`results.html` of an evaluation: curves, confusion, sizes and the worst images in one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maenas.blocks.files.atomic_write import write_text
from maenas.detection.evaluate import ValResult
from maenas.detector.evaluate.coco import IOU_50, ClassScores
from maenas.detector.evaluate.confusion import BACKGROUND
from maenas.detector.evaluate.report import WORST_FOLDER
from maenas.detector.evaluate.size_counts import size_counts
from maenas.detector.evaluate.worst import worst_file
from maenas.report import (
    Bars,
    Curve,
    CurvePoint,
    Figure,
    Page,
    Section,
    chart,
    figures,
    foot,
    page_text,
    table,
)
from maenas.report.charts import Lines, bar_table, curve_table, data_of
from maenas.report.tables import paragraph
from maenas.report.training import examples_in, examples_section, training_section
from maenas.runs.training_table import training_in, training_rows

PAGE_FILE = "results.html"
SUMMARY = "summary"  # anchor of the first section of an evaluation
MOST_CURVES = 12  # classes in a chart; their colours can still be told apart
MOST_CONFUSED = 25  # classes in the table of confusion
EVERY = 5  # of the 101 recalls, one of so many is drawn


def write_page(folder: Path, result: ValResult) -> None:
    """Write the page into the folder of an evaluation, whose plots and images are there.

    Raises:
        MaenasError: if the file cannot be written.
    """
    write_text(folder / PAGE_FILE, results_page(result, folder / WORST_FOLDER))


def results_page(result: ValResult, worst: Path) -> str:
    """The HTML of an evaluation.

    Args:
        result: result of the evaluation.
        worst: folder of the drawn worst images.
    """
    sections = [*evaluation_sections(result, worst), *_training(result)]
    return page_text(Page("maenas val", f"Evaluation of {result.model}.", sections, foot()))


def evaluation_sections(result: ValResult, worst: Path) -> list[Section]:
    """The parts of the page without the curves of the training, a summary first.

    Args:
        result: result of the evaluation.
        worst: folder of the drawn worst images.
    """
    return [
        _summary(result),
        _curves(result),
        *_sizes(result),
        _confusion(result),
        *_worst(result, worst),
    ]


def _summary(result: ValResult) -> Section:
    scores, point = result.evaluation.scores, result.report.point
    latency = result.evaluation.latency
    at = f"at confidence {point.min_score:g}" if point.f1 else "no detection is right"
    shown = [
        Figure("AP", f"{scores.ap:.3f}", "mean over IoU 0.50 to 0.95"),
        Figure("AP50", f"{scores.ap50:.3f}"),
        Figure("AP75", f"{scores.ap75:.3f}"),
        Figure("best mean F1", f"{point.f1:.3f}", at),
        Figure("network", f"{latency.network:.1f} ms", "median per image"),
    ]
    images = len(result.evaluation.seen)
    about = f"{images:,} images of split {result.split} of {result.data}."
    body = paragraph(about) + figures(shown) + _class_table(scores.per_class)
    return Section(SUMMARY, "Summary", body)


def _class_table(classes: Sequence[ClassScores]) -> str:
    rows = [
        (each.name, each.objects, *(_number(value) for value in (each.ap, each.ap50, each.ar)))
        for each in sorted(classes, key=lambda each: (each.ap is None, -(each.ap or 0)))
    ]
    head = ("class", "objects", "AP", "AP50", "AR")
    return table("Classes, best first", head, rows, numbers=range(1, 5))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _curves(result: ValResult) -> Section:
    """Precision over recall at IoU 0.5."""
    scores = result.evaluation.scores
    precision = scores.precision[IOU_50]  # (101, K)
    recalls = np.linspace(0, 1, len(precision))[::EVERY]
    known = [index for index, each in enumerate(scores.per_class) if each.ap50 is not None]
    known.sort(key=lambda index: -scores.per_class[index].objects)
    mean = precision[:, known].mean(1)
    curves = [Curve("mean", _points(recalls, mean), is_mean=True)]
    if len(known) > 1:
        curves += [
            Curve(scores.per_class[k].name, _points(recalls, precision[:, k]))
            for k in known[:MOST_CURVES]
        ]
    body = paragraph("Precision at each recall, IoU 0.5: confidence falls from left to right.")
    if len(known) > MOST_CURVES:
        body += paragraph(f"The {MOST_CURVES} classes with most objects are drawn.", "quiet")
    numbers = curve_table("Precision at IoU 0.5", "recall", curves)
    body += chart("precision", f"Precision over recall; AP50 {scores.ap50:.3f}", numbers)
    charts = {"precision": data_of(Lines("recall", "precision", curves))}
    return Section("curves", "Precision and recall", body, charts)


def _points(recalls: NDArray[np.float64], values: NDArray[np.float64]) -> list[CurvePoint]:
    return list(map(CurvePoint, recalls.tolist(), values[::EVERY].tolist()))


def _sizes(result: ValResult) -> list[Section]:
    """Objects found and missed by size; [] without an object."""
    min_score = result.report.confusion.min_score
    counts = size_counts(result.evaluation.seen, min_score)
    if not counts:
        return []
    kinds = ("right", "confused", "missed")
    series = [(kind, [float(getattr(each, kind)) for each in counts]) for kind in kinds]
    bars = Bars("objects", [each.name for each in counts], series)
    about = (
        f"Objects by the side of a square of the same area, in pixels of the image, at confidence "
        f"{min_score:g} and IoU 0.5."
    )
    numbers = bar_table("Objects by size", bars)
    body = paragraph(about) + chart("object-sizes", about, numbers, low=True)
    return [Section("sizes", "Sizes", body, {"object-sizes": data_of(bars)})]


def _confusion(result: ValResult) -> Section:
    """Counts of true and predicted classes; with many classes those that are confused most."""
    matrix = result.report.confusion
    names = [*matrix.names, BACKGROUND]
    wrong = matrix.counts - np.diag(np.diag(matrix.counts))
    mistakes = wrong.sum(0) + wrong.sum(1)
    shown = np.arange(len(names))
    about = (
        f"Rows are true classes, columns predicted ones, at confidence {matrix.min_score:g} and "
        f"IoU {matrix.min_iou:g}. Column {BACKGROUND} counts missed objects, row "
        f"{BACKGROUND} false detections."
    )
    if len(names) > MOST_CONFUSED:
        most = np.argsort(-mistakes[:-1], kind="stable")[: MOST_CONFUSED - 1]
        shown = np.append(np.sort(most), len(names) - 1)
        about += f" The {MOST_CONFUSED - 1} classes with most mistakes are listed."
    rows = [(names[row], *(matrix.counts[row, column] or "" for column in shown)) for row in shown]
    head = ("", *(names[column] for column in shown))
    counts = table("Confusion", head, rows, numbers=range(1, len(head)))
    return Section("confusion", "Confusion", paragraph(about) + counts)


def _worst(result: ValResult, folder: Path) -> list[Section]:
    """The images with the most mistakes, as many as a page carries; [] without any."""
    worst = result.report.worst
    captions = {
        worst_file(folder, rank, each).name: each.caption for rank, each in enumerate(worst, 1)
    }
    examples = [
        replace(each, caption=f"{each.caption}: {captions.get(each.caption, '')}".rstrip(": "))
        for each in examples_in(folder)
    ]
    if not examples:
        return []
    about = (
        f"The {len(examples)} images with the most mistakes at confidence "
        f"{result.report.confusion.min_score:g}: ground truth on the left, detections on the right."
    )
    return [examples_section(examples, about, "worst", "Worst images", wide=True)]


def _training(result: ValResult) -> list[Section]:
    """The curves of the training, if the detector is its folder."""
    run = Path(result.model)
    rows = training_rows(training_in(run)) if run.is_dir() else []
    return [training_section(rows)] if rows else []
