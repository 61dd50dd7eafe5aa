"""Evaluate a detector on a data set: result, warnings, files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from maenas.detection.detect import COCO_FILE, RESULTS_FILE

if TYPE_CHECKING:
    from maenas.detection.detector import Detector
    from maenas.detector.data.dataset import Dataset
    from maenas.detector.evaluate.evaluate import Evaluation
    from maenas.detector.evaluate.report import Report

SCHEMA = "maenas/val@1"
MAX_LINES = 10  # images named on the terminal; the results name all
MAX_ROWS = 30  # classes in a table; of more the best and the worst are shown


def unreadable(dataset: Dataset) -> list[str]:
    """What was wrong with each image that did not get into the data set."""
    return [str(problem) for problem in dataset.problems if problem.group == "images"]


def _warnings(detector: Detector, dataset: Dataset) -> list[str]:
    """What people should know before they trust the numbers."""
    from maenas.terminal.console import count_of

    lines = [] if detector.trained else [f"warning: {detector.untrained()}"]
    extra = [name for name in detector.names if name not in dataset.names]
    if extra:
        some = ", ".join(extra[:5]) + (", .." if len(extra) > 5 else "")
        lines.append(f"the data set labels no {some}: what is found of it does not count")
    wrong = [problem for problem in dataset.problems if problem.group != "images"]
    if wrong:
        count = count_of(len(wrong), "problem")
        lines.append(
            f"warning: {count} in the labels, such as {wrong[0]}; `maenas data check` lists all"
        )
    return lines


def _result(
    model: str,
    detector: Detector,
    dataset: Dataset,
    split: str,
    found: Evaluation,
    report: Report,
    folder: Path | None,
) -> dict[str, Any]:
    """All that `--json` prints and `results.json` holds."""
    return {
        "schema": SCHEMA,
        "model": model,
        "runtime": detector.runtime.about,
        "trained": detector.trained,
        "in_shape": list(detector.in_shape),
        "data": str(dataset.source),
        "split": split,
        "names": list(dataset.names),
        "folder": None if folder is None else str(folder),
        "images": len(found.seen),
        "objects": sum(each.objects for each in found.scores.per_class),
        "skipped": [*unreadable(dataset), *found.skipped],
        "thresholds": {
            "min_score": found.thresholds.min_score,
            "max_iou": found.thresholds.max_iou,
            "max_detections": found.thresholds.max_detections,
        },
        **found.scores.to_json(),
        "median_ms": found.latency.to_json(),
        **report.to_json(),
    }


def _write(folder: Path, result: dict[str, Any], dataset: Dataset, found: Evaluation) -> None:
    """The result, and all that was found as COCO results."""
    import json

    from maenas.blocks.files.atomic_write import write_text
    from maenas.detector.predict.results import CocoIds, coco_results

    ids = CocoIds({}, dataset.category_ids)
    rows = [
        row for each in found.seen for row in coco_results(each.found, each.sample.image_id, ids)
    ]
    for name, content in ((RESULTS_FILE, result), (COCO_FILE, rows)):
        write_text(folder / name, json.dumps(content, ensure_ascii=False) + "\n")


def _print(result: dict[str, Any]) -> None:
    """What people want to know."""
    from maenas.detection.detect import PARTS
    from maenas.terminal.console import OUT, count_of

    classes = result["per_class"]
    OUT.print(
        f"{count_of(result['images'], 'image')}, {count_of(result['objects'], 'object')} of "
        f"{len(classes)} classes, {result['computed_by']}"
    )
    for line in (
        {"AP": "ap", "AP50": "ap50", "AP75": "ap75"},
        {"AP small": "ap_small", "medium": "ap_medium", "large": "ap_large"},
        {"AR 1": "ar1", "10": "ar10", "100": "ar100"},
        {"AR small": "ar_small", "medium": "ar_medium", "large": "ar_large"},
    ):
        OUT.print("  ".join(f"{word} {_score(result[key])}" for word, key in line.items()))
    _print_classes(classes)
    point, matrix = result["working_point"], result["confusion"]
    if point["f1"]:
        OUT.print(f"best mean F1 {point['f1']:.3f} at score {point['min_score']:g}, IoU 0.5")
    mistakes = {
        kind: sum(each[kind] for each in result["worst"])
        for kind in ("missed", "false", "confused")
    }
    spent = ", ".join(f"{PARTS[name]} {ms:.1f} ms" for name, ms in result["median_ms"].items())
    OUT.print(f"an image (median): {spent}")
    if any(mistakes.values()):
        kinds = ", ".join(f"{count} {kind}" for kind, count in mistakes.items() if count)
        shown = count_of(len(result["worst"]), "image")
        OUT.print(f"the worst {shown}: {kinds} at score {matrix['min_score']:g}")
    if result["skipped"]:
        OUT.print(f"{count_of(len(result['skipped']), 'image')} that do not open were skipped")
    if result["folder"]:
        OUT.print(f"written: {result['folder']}")


def _print_classes(classes: list[dict[str, Any]]) -> None:
    """A table with a row a class, best first."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from maenas.terminal.console import OUT

    ranked = sorted(classes, key=lambda each: -1 if each["ap"] is None else each["ap"])[::-1]
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("class", overflow="fold")
    for column in ("objects", "AP", "AP50", "AR"):
        table.add_column(column, justify="right", no_wrap=True)
    half = MAX_ROWS // 2
    few = len(ranked) <= MAX_ROWS
    for place, each in enumerate(ranked):
        if few or place < half or place >= len(ranked) - half:
            numbers = (_score(each[key]) for key in ("ap", "ap50", "ar"))
            table.add_row(each["name"], f"{each['objects']:,}", *numbers)
        elif place == half:
            table.add_row(f".. {len(ranked) - 2 * half} more", "", "", "", "")
    OUT.print(table)


def _score(value: float | None) -> str:
    """Three digits, a dash where there is nothing to measure."""
    return "-" if value is None else f"{value:.3f}"
