"""`maenas detect`: what a detector sees in images and videos."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from maenas.cli.options import ExistOk, Json
from maenas.detection.detect import _ids, _result, _summary, _write


def detect(
    model: Annotated[
        str,
        typer.Argument(
            help="A detector or training run folder, zoo:NAME, .onnx, .xml or .engine.",
            metavar="MODEL",
        ),
    ],
    source: Annotated[
        list[str],
        typer.Argument(help="Images, videos, folders, glob patterns.", metavar="SOURCE"),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write into. (the next runs/detect/exp)")
    ] = None,
    min_score: Annotated[float, typer.Option(help="Objects score more.")] = 0.4,
    max_iou: Annotated[
        float, typer.Option(help="Overlap beyond which one of two boxes of a class goes.")
    ] = 0.7,
    max_detections: Annotated[int, typer.Option(help="Most objects an image.")] = 300,
    batch: Annotated[int, typer.Option(help="Images at a time.")] = 1,
    precision: Annotated[
        str | None, typer.Option(help="What OpenVINO computes in: f32, f16 or bf16.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Of the CPU. (all cores)")] = None,
    compute: Annotated[str, typer.Option(help="Where torch runs: cpu, cuda:0.")] = "cpu",
    drawn: Annotated[
        bool, typer.Option("--draw/--no-draw", help="Write the images with boxes.")
    ] = True,
    save_json: Annotated[
        bool, typer.Option("--save-json", help="Write results.json: all objects.")
    ] = False,
    coco: Annotated[
        bool, typer.Option("--coco", help="Write coco.json: all objects as COCO results.")
    ] = False,
    annotations: Annotated[
        Path | None, typer.Option(help="COCO file whose image and category ids --coco takes.")
    ] = None,
    exist_ok: ExistOk = False,
    as_json: Json = False,
) -> None:
    """Find objects in images and videos; draw them, or list them as JSON or COCO results."""
    from maenas.blocks import SpecError
    from maenas.detector.media.images import ImageError, find_sources
    from maenas.detector.ops.thresholds import Thresholds
    from maenas.runs.folders import claim
    from maenas.runs.models import require_model
    from maenas.terminal.console import ERR, OUT, print_json

    if batch < 1:
        raise SpecError(f"batch: must be at least 1, got {batch}.")
    thresholds = Thresholds(min_score, max_iou, max_detections)
    require_model(model)
    sources = find_sources(source)

    from maenas.detection.detector import (
        Detector,  # torch takes seconds to load, mistakes are told before
    )
    from maenas.detection.inference import look_at

    detector = Detector(model, precision, threads, compute)
    ids = _ids(detector, sources, annotations) if coco or annotations else None
    writes = drawn or save_json or ids is not None
    folder = claim(out, "detect", exist_ok) if writes else None
    ERR.print(detector.runtime.about)
    if not detector.trained:
        ERR.print(f"warning: {detector.untrained()}")
    outcome = look_at(
        *(sources, detector, thresholds, batch),
        folder=folder if drawn else None,
        keep_json=save_json or as_json,
        ids=ids,
    )
    if not outcome.looked and len(outcome.failed) == 1:
        raise ImageError(*outcome.failed.values())
    for message in outcome.failed.values():
        ERR.print(f"passed over: {message}")
    if not outcome.looked:
        if folder is not None and not any(folder.iterdir()):
            folder.rmdir()
        if outcome.interrupted:
            sys.exit(130)
        count = len(outcome.failed)
        raise ImageError(f"none of the {count} files could be read; each is named above.")
    result = _result(model, detector, outcome, folder)
    if folder is not None:
        _write(folder, result if save_json else None, outcome.coco if ids else None)
    if as_json:
        print_json(result)
    else:
        for line in _summary(result, min_score):
            OUT.print(line)
    if outcome.interrupted:
        ERR.print("interrupted; what was found until then is kept")
        sys.exit(130)
