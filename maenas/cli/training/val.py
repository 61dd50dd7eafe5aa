"""`maenas val`: how good a detector is on a data set, by COCO's measures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from maenas.cli.options import ExistOk, Json
from maenas.detection.evaluate import MAX_LINES, _print, _result, _warnings, _write, unreadable


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
    batch: Annotated[int, typer.Option(help="Images at a time.")] = 1,
    readers: Annotated[
        int, typer.Option(help="Threads that read ahead; they disturb the latency.")
    ] = 0,
    precision: Annotated[
        str | None, typer.Option(help="What OpenVINO computes in: f32, f16 or bf16.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Of the CPU. (all cores)")] = None,
    compute: Annotated[str, typer.Option(help="Where torch runs: cpu, cuda:0.")] = "cpu",
    save: Annotated[
        bool, typer.Option("--save/--no-save", help="Write results, figures, worst images.")
    ] = True,
    exist_ok: ExistOk = False,
    as_json: Json = False,
) -> None:
    """Measure a detector on labelled images: COCO's AP and AR, mistakes, latency."""
    from maenas.blocks import SpecError
    from maenas.blocks.errors import positive
    from maenas.runs.models import require_model

    if at_score is not None and not 0 <= at_score <= 1:
        raise SpecError(f"--at-score: must be in 0..1, got {at_score}.")
    positive("val", batch=batch)
    require_model(model)  # before torch is loaded
    from maenas.detection.detector import Detector
    from maenas.detector.data.readers.read import read_dataset
    from maenas.detector.evaluate.classes import match_classes
    from maenas.detector.evaluate.evaluate import evaluate, published_thresholds
    from maenas.detector.evaluate.report import look_closer, save_report
    from maenas.detector.ops.thresholds import Thresholds
    from maenas.runs.folders import claim
    from maenas.terminal.console import ERR, print_json
    from maenas.terminal.progress import Counter

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
        with Counter("val", len(dataset), "images") as counter:
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
