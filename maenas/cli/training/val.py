"""`maenas val`: evaluate a detector on a data set with the COCO metrics."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from maenas.cli.options import (
    OUTPUT,
    THRESHOLDS,
    BatchSize,
    Compute,
    Data,
    ExistOk,
    Json,
    RunPrecision,
    Threads,
)
from maenas.cli.stop import interrupted

LOG = logging.getLogger(__name__)

MAX_LINES = 10  # images listed on the terminal; the result files list all


def val(
    model: Annotated[
        str,
        typer.Argument(
            help="A detector or run folder, .onnx, .xml (OpenVINO) or .engine (TensorRT).",
            metavar="DETECTOR",
        ),
    ],
    data: Data,
    split: Annotated[str, typer.Option(help="Split of the data set: train, val or test.")] = "val",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write into. (the next runs/val/exp)", rich_help_panel=OUTPUT),
    ] = None,
    min_score: Annotated[
        float | None,
        typer.Option(
            help="Minimum confidence of a detection. (0.05; nano detectors 0.03)",
            rich_help_panel=THRESHOLDS,
        ),
    ] = None,
    max_iou: Annotated[
        float | None,
        typer.Option(
            help="IoU threshold of NMS. (0.7; nano detectors 0.65; a one-to-one head needs no NMS)",
            rich_help_panel=THRESHOLDS,
        ),
    ] = None,
    at_score: Annotated[
        float | None,
        typer.Option(
            help="Confidence threshold at which mistakes are counted. (the one with the best F1)",
            rich_help_panel=THRESHOLDS,
        ),
    ] = None,
    max_detections: Annotated[
        int,
        typer.Option(
            help="Maximum number of detections of one class in an image that count, as in COCO.",
            rich_help_panel=THRESHOLDS,
        ),
    ] = 100,
    branch: Annotated[
        str | None,
        typer.Option(
            help="Branch of a one-to-one head: one-to-one, without NMS, or one-to-many, with NMS. "
            "(one-to-one)"
        ),
    ] = None,
    batch: BatchSize = 1,
    readers: Annotated[
        int,
        typer.Option(
            help="Number of threads that read images ahead; they disturb the measured latency."
        ),
    ] = 0,
    precision: RunPrecision = None,
    threads: Threads = None,
    compute: Compute = "cpu",
    save: Annotated[
        bool,
        typer.Option(
            "--save/--no-save",
            help="Write results, plots and the worst images.",
            rich_help_panel=OUTPUT,
        ),
    ] = True,
    exist_ok: ExistOk = False,
    as_json: Json = False,
) -> None:
    """Evaluate a detector on labelled images: COCO's AP and AR, mistakes and latency."""
    import maenas
    from maenas.cli.training.val_text import print_evaluation
    from maenas.terminal.console import print_json

    with interrupted("nothing was written"):
        result = maenas.val(
            model,
            data,
            split=split,
            out=out,
            min_score=min_score,
            max_iou=max_iou,
            at_score=at_score,
            max_detections=max_detections,
            branch=branch,
            batch=batch,
            readers=readers,
            precision=precision,
            threads=threads,
            compute=compute,
            save=save,
            exist_ok=exist_ok,
        )
    for message in result.skipped[:MAX_LINES]:
        LOG.info(f"skipped: {message}")
    if as_json:
        print_json(result.to_json())
    else:
        print_evaluation(result)
