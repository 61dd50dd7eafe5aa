"""`maenas detect`: detect objects in images and videos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maenas.cli.options import (
    OUTPUT,
    BatchSize,
    Compute,
    ExistOk,
    Json,
    MaxDetections,
    MaxIou,
    MinScore,
    OneLabel,
    RunPrecision,
    Threads,
)
from maenas.cli.stop import interrupted

if TYPE_CHECKING:
    from maenas.detection.detect import DetectResult

MEASURED = 10  # images whose median time says something
WEAK_SCORE = 0.05  # lowest confidence that DAMO-YOLO's evaluation counts


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
        typer.Argument(
            help="Images, videos, folders, glob patterns; webcam:0 or 0 for a camera; an "
            "http(s):// or rtsp:// address.",
            metavar="SOURCE",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder to write into. (the next runs/detect/exp)", rich_help_panel=OUTPUT
        ),
    ] = None,
    min_score: MinScore = None,
    max_iou: MaxIou = None,
    max_detections: MaxDetections = None,
    one_label: OneLabel = None,
    batch: BatchSize = 1,
    precision: RunPrecision = None,
    threads: Threads = None,
    compute: Compute = "cpu",
    draw: Annotated[
        bool,
        typer.Option("--draw/--no-draw", help="Draw the boxes.", rich_help_panel=OUTPUT),
    ] = True,
    save_json: Annotated[
        bool,
        typer.Option(
            "--save-json",
            help="Write results.json, a list of all detections.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    coco: Annotated[
        bool,
        typer.Option(
            "--coco",
            help="Write coco.json, all detections as COCO results.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    annotations: Annotated[
        Path | None, typer.Option(help="COCO file whose image and category ids --coco uses.")
    ] = None,
    most: Annotated[
        int | None, typer.Option(help="Maximum number of images and frames, to end a stream. (all)")
    ] = None,
    exist_ok: ExistOk = False,
    as_json: Json = False,
) -> None:
    """Detect objects in images, videos and live streams; draw them, or list them as JSON or COCO.

    Ctrl-C ends a stream; what was detected until then is written.
    """
    import maenas
    from maenas.detector.ops.thresholds import MIN_SCORE
    from maenas.terminal.console import OUT, print_json

    with interrupted("nothing was written"):
        result = maenas.detect(
            model,
            source,
            out=out,
            min_score=min_score,
            max_iou=max_iou,
            max_detections=max_detections,
            batch=batch,
            precision=precision,
            threads=threads,
            compute=compute,
            draw=draw,
            save_json=save_json,
            coco=coco,
            annotations=annotations,
            exist_ok=exist_ok,
            keep=as_json,
            most=most,
            one_label=one_label,
        )
    if as_json:
        print_json(result.to_json())
    else:
        for line in summary(result, MIN_SCORE if min_score is None else min_score):
            OUT.print(line)
    if result.interrupted:
        with interrupted("the detections so far are kept"):
            raise KeyboardInterrupt


def summary(result: DetectResult, min_score: float) -> list[str]:
    """The result as lines of text."""
    from maenas.detection.detect import PARTS
    from maenas.terminal.console import count_of

    total = sum(result.objects.values())
    kinds = ", ".join(f"{name} {count}" for name, count in list(result.objects.items())[:8])
    kinds += f" and {rest} classes more" if (rest := len(result.objects) - 8) > 0 else ""
    counts = f"{count_of(result.looked, 'image')}, {count_of(total, 'object')}"
    spent = ", ".join(f"{PARTS[name]} {ms:.1f} ms" for name, ms in result.median_ms.items())
    spent += "; `maenas measure` times the network" if result.looked < MEASURED else ""
    lines = [f"{counts}: {kinds}" if kinds else counts, f"per image (median): {spent}"]
    if not total and min_score > WEAK_SCORE:
        lines.append(
            f"no detection has a confidence above {min_score:g}; --min-score {WEAK_SCORE} shows "
            "weaker ones"
        )
    if result.failed:
        names = ", ".join(file.name for file in result.failed)
        lines.append(f"{count_of(len(result.failed), 'file')} skipped: {names}")
    return [*lines, f"written: {result.folder}"] if result.folder else lines
