"""`maenas val`: how good a detector is on a data set, by COCO's measures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from detector.data.dataset import Dataset
    from detector.evaluate.evaluate import Evaluation
    from detector.evaluate.report import Report
    from maenas.detector import Detector

SCHEMA = "maenas/val@1"
RESULTS_FILE, COCO_FILE = "results.json", "coco.json"
MAX_LINES = 10  # pictures named on the terminal; the results name all
MAX_ROWS = 30  # classes in a table; of more the best and the worst are shown


def val(
    model: Annotated[
        str,
        typer.Argument(
            help="A detector or run folder, .onnx, .xml (OpenVINO) or .engine (TensorRT).",
            metavar="DETECTOR",
        ),
    ],
    data: Annotated[Path, typer.Option(help="A data.yaml, its folder, or a COCO .json file.")],
    split: Annotated[str, typer.Option(help="Of the data set: train, val or test.")] = "val",
    out: Annotated[
        Path | None, typer.Option(help="Folder to write into. (the next runs/val/exp)")
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(help="Objects score more. (0.05; nano detectors 0.03)")
    ] = None,
    max_iou: Annotated[
        float | None,
        typer.Option(
            help="Overlap beyond which one of two boxes of a class goes. (0.7; nano detectors 0.65)"
        ),
    ] = None,
    at_score: Annotated[
        float | None,
        typer.Option(help="Score that mistakes are counted at. (where F1 is best)"),
    ] = None,
    batch: Annotated[int, typer.Option(help="Pictures at a time.")] = 1,
    readers: Annotated[
        int, typer.Option(help="Threads that read ahead; they disturb the latency.")
    ] = 0,
    precision: Annotated[
        str | None, typer.Option(help="What OpenVINO computes in: f32, f16 or bf16.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Of the CPU. (all cores)")] = None,
    compute: Annotated[str, typer.Option(help="Where torch runs: cpu, cuda:0.")] = "cpu",
    save: Annotated[
        bool, typer.Option("--save/--no-save", help="Write results, figures, worst pictures.")
    ] = True,
    exist_ok: Annotated[
        bool, typer.Option("--exist-ok", help="Write into a folder that is not empty.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout.")
    ] = False,
) -> None:
    """Measure a detector on labelled pictures: COCO's AP and AR, mistakes, latency."""
    from blocks import SpecError
    from blocks.errors import positive
    from maenas.models import require_model

    if at_score is not None and not 0 <= at_score <= 1:
        raise SpecError(f"--at-score: must be in 0..1, got {at_score}.")
    positive("val", batch=batch)
    require_model(model)  # before torch is loaded
    from detector.data.read import read_dataset
    from detector.evaluate.classes import match_classes
    from detector.evaluate.evaluate import evaluate, published_thresholds
    from detector.evaluate.report import look_closer, save_report
    from detector.thresholds import Thresholds
    from maenas.console import ERR, print_json
    from maenas.detector import Detector
    from maenas.folders import claim
    from maenas.progress import Counter

    dataset = read_dataset(data, split)
    dataset.require_objects()
    detector = Detector(model, precision, threads, compute)
    match_classes(detector.names, dataset)  # before a folder is made
    published = published_thresholds(detector.runtime.is_nano)
    thresholds = Thresholds(
        published.min_score if min_score is None else min_score,
        published.max_iou if max_iou is None else max_iou,
        published.max_detections,
    )
    folder = claim(out, "val", exist_ok) if save else None
    ERR.print(detector.runtime.about)
    for line in _warnings(detector, dataset):
        ERR.print(line)
    try:
        with Counter("val", len(dataset), "pictures") as counter:
            found = evaluate(detector.runtime, dataset, thresholds, batch, readers, counter.advance)
    except BaseException as error:
        if folder is not None and not any(folder.iterdir()):
            folder.rmdir()
        if not isinstance(error, KeyboardInterrupt):
            raise
        ERR.print("interrupted; nothing was written")
        sys.exit(130)
    skipped = [*unreadable(dataset), *found.skipped]
    for message in skipped[:MAX_LINES]:
        ERR.print(f"skipped: {message}")
    report = look_closer(found, at_score)
    result = _result(model, detector, dataset, split, found, report, folder)
    if folder is not None:
        save_report(found, report, folder)
        _write(folder, result, dataset, found)
    if as_json:
        print_json(result)
    else:
        _print(result)


def unreadable(dataset: Dataset) -> list[str]:
    """What was wrong with each picture that did not get into the data set."""
    return [str(problem) for problem in dataset.problems if problem.group == "pictures"]


def _warnings(detector: Detector, dataset: Dataset) -> list[str]:
    """What people should know before they trust the numbers."""
    from maenas.console import count_of

    lines = [] if detector.trained else [f"warning: {detector.untrained()}"]
    extra = [name for name in detector.names if name not in dataset.names]
    if extra:
        some = ", ".join(extra[:5]) + (", .." if len(extra) > 5 else "")
        lines.append(f"the data set labels no {some}: what is found of it does not count")
    wrong = [problem for problem in dataset.problems if problem.group != "pictures"]
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
        "pictures": len(found.seen),
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

    from blocks.strict import write_text
    from detector.results import CocoIds, coco_results

    ids = CocoIds({}, dataset.category_ids)
    rows = [
        row for each in found.seen for row in coco_results(each.found, each.sample.image_id, ids)
    ]
    for name, content in ((RESULTS_FILE, result), (COCO_FILE, rows)):
        write_text(folder / name, json.dumps(content, ensure_ascii=False) + "\n")


def _print(result: dict[str, Any]) -> None:
    """What people want to know."""
    from maenas.console import OUT, count_of
    from maenas.detect import PARTS

    classes = result["per_class"]
    OUT.print(
        f"{count_of(result['pictures'], 'picture')}, {count_of(result['objects'], 'object')} of "
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
    OUT.print(f"a picture (median): {spent}")
    if any(mistakes.values()):
        kinds = ", ".join(f"{count} {kind}" for kind, count in mistakes.items() if count)
        shown = count_of(len(result["worst"]), "picture")
        OUT.print(f"the worst {shown}: {kinds} at score {matrix['min_score']:g}")
    if result["skipped"]:
        OUT.print(f"{count_of(len(result['skipped']), 'picture')} that do not open were skipped")
    if result["folder"]:
        OUT.print(f"written: {result['folder']}")


def _print_classes(classes: list[dict[str, Any]]) -> None:
    """A table with a row a class, best first."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from maenas.console import OUT

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
