"""The result of `maenas val` as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from maenas.detection.evaluate import ValResult
    from maenas.detector.evaluate.coco import ClassScores
    from maenas.detector.evaluate.sources import SourceScores

MAX_ROWS = 30  # rows of a table; with more classes it shows the best and the worst


def print_evaluation(result: ValResult) -> None:
    """Print metrics, classes, operating point, latency and mistakes."""
    from maenas.detection.detect import PARTS
    from maenas.terminal.console import OUT, count_of

    scores, report = result.evaluation.scores, result.report
    objects = sum(each.objects for each in scores.per_class)
    OUT.print(
        f"{count_of(len(result.evaluation.seen), 'image')}, {count_of(objects, 'object')} of "
        f"{len(scores.per_class)} classes, {scores.computed_by}"
    )
    for line in (
        {"AP": scores.ap, "AP50": scores.ap50, "AP75": scores.ap75},
        {"AP small": scores.ap_small, "medium": scores.ap_medium, "large": scores.ap_large},
        {"AR 1": scores.ar1, "10": scores.ar10, str(scores.max_detections): scores.ar100},
        {"AR small": scores.ar_small, "medium": scores.ar_medium, "large": scores.ar_large},
    ):
        OUT.print("  ".join(f"{word} {score_text(value)}" for word, value in line.items()))
    OUT.print(f"detections: {result.evaluation.thresholds}")
    print_classes(scores.per_class)
    print_sources(result.sources)
    if report.point.f1:
        OUT.print(
            f"best mean F1 {report.point.f1:.3f} at score {report.point.min_score:g}, IoU 0.5"
        )
    times = result.evaluation.latency.to_json()
    spent = ", ".join(f"{PARTS[name]} {ms:.1f} ms" for name, ms in times.items())
    OUT.print(f"per image (median): {spent}")
    mistakes = {
        kind: sum(each.to_json()[kind] for each in report.worst)
        for kind in ("missed", "false", "confused")
    }
    if any(mistakes.values()):
        kinds = ", ".join(f"{count} {kind}" for kind, count in mistakes.items() if count)
        shown = count_of(len(report.worst), "image")
        OUT.print(f"the worst {shown}: {kinds} at score {report.confusion.min_score:g}")
    if result.skipped:
        OUT.print(f"{count_of(len(result.skipped), 'image')} that cannot be opened were skipped")
    if result.folder:
        OUT.print(f"written: {result.folder}")


def print_classes(classes: Sequence[ClassScores]) -> None:
    """Print a table with one row per class that has an object, best first."""
    from maenas.terminal.console import OUT, count_of

    there = [each for each in classes if each.objects]
    ranked = sorted(there, key=lambda each: -1 if each.ap is None else each.ap)[::-1]
    table = _table("class", ("objects", "AP", "AP50", "AR"))
    half = MAX_ROWS // 2
    few = len(ranked) <= MAX_ROWS
    for index, each in enumerate(ranked):
        if few or index < half or index >= len(ranked) - half:
            numbers = (score_text(value) for value in (each.ap, each.ap50, each.ar))
            table.add_row(each.name, f"{each.objects:,}", *numbers)
        elif index == half:
            table.add_row(f".. {len(ranked) - 2 * half} more", "", "", "", "")
    OUT.print(table)
    if len(there) < len(classes):
        absent = len(classes) - len(there)
        OUT.print(f"{count_of(absent, 'class')} without an object in these images: not judged")


def print_sources(sources: Sequence[SourceScores]) -> None:
    """Print a table with one row per data set of a union."""
    from maenas.terminal.console import OUT

    if not sources:
        return
    table = _table("data set", ("images", "objects", "classes", "AP", "AP50", "AR"))
    for each in sources:
        scores = each.scores
        values = (scores.ap, scores.ap50, scores.ar100) if scores else (None, None, None)
        counts = (f"{count:,}" for count in (each.images, each.objects, each.classes))
        table.add_row(each.name, *counts, *map(score_text, values))
    OUT.print(table)


def _table(first: str, columns: Sequence[str]) -> Table:
    """An empty table: a column of names, then columns of numbers."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column(first, overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def score_text(value: float | None) -> str:
    """A metric with three digits; a dash if it is undefined."""
    return "-" if value is None else f"{value:.3f}"
