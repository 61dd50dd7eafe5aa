"""`maenas export`: export a detector for other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maenas.cli.options import ImageSize, Json


def export(
    detector: Annotated[
        str,
        typer.Argument(
            help="A detector or training run folder, detector.yaml, or zoo:NAME.",
            metavar="DETECTOR",
        ),
    ],
    plugin: Annotated[
        str | None,
        typer.Argument(
            help="With --end2end: NMS by TensorRT's plugin, with four outputs.",
            metavar="[trt]",
            show_default=False,
        ),
    ] = None,
    file_format: Annotated[
        str | None,
        typer.Option("--format", help="Format: onnx, openvino or tensorrt. (by --out, else onnx)"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write. (beside the detector if left out)")
    ] = None,
    precision: Annotated[
        str, typer.Option(help="Number format: f32, f16 or int8; decoding stays in float.")
    ] = "f32",
    end2end: Annotated[
        bool,
        typer.Option(
            "--end2end",
            help="Put NMS into the file: standard operators, or TensorRT's plugin with trt.",
        ),
    ] = False,
    batch: Annotated[
        str | None,
        typer.Option(
            help="Batch size; for TensorRT also LEAST:BEST:MOST, tuned for BEST. (any number; "
            "1:1:16 for TensorRT)"
        ),
    ] = None,
    input_size: ImageSize = None,
    opset: Annotated[int, typer.Option(help="Opset of ONNX: 18, 19 or 20.")] = 19,
    min_score: Annotated[
        float, typer.Option(help="With --end2end: minimum confidence of a detection.")
    ] = 0.05,
    max_iou: Annotated[
        float | None,
        typer.Option(
            help="With --end2end: IoU threshold of NMS. (0.7; a one-to-one head has no NMS)"
        ),
    ] = None,
    max_detections: Annotated[
        int, typer.Option(help="With --end2end: maximum number of detections per image.")
    ] = 300,
    calibration: Annotated[
        Path | None,
        typer.Option(help="Folder of images to calibrate INT8 on. (generated images)"),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(help="Image on which the file is compared with torch. (a generated image)"),
    ] = None,
    version_compatible: Annotated[
        bool,
        typer.Option(
            "--version-compatible",
            help="TensorRT: later versions can run the engine; it then contains code.",
        ),
    ] = False,
    hardware_compatible: Annotated[
        bool,
        typer.Option(
            "--hardware-compatible",
            help="TensorRT: other GPUs, Ampere and newer, can run the engine.",
        ),
    ] = False,
    exist_ok: Annotated[bool, typer.Option("--exist-ok", help="Replace the file.")] = False,
    as_json: Json = False,
) -> None:
    """Export a detector to ONNX, OpenVINO or TensorRT, and compare it with torch."""
    import maenas
    from maenas.budgets.image_size import parse_input_size
    from maenas.cli.detection.export_text import summary
    from maenas.terminal.console import OUT, print_json

    result = maenas.export(
        detector,
        out,
        file_format=file_format,
        precision=precision,
        end2end=end2end,
        plugin=plugin,
        batch=batch,
        input_size=parse_input_size(input_size),
        opset=opset,
        min_score=min_score,
        max_iou=max_iou,
        max_detections=max_detections,
        calibration=calibration,
        image=image,
        version_compatible=version_compatible,
        hardware_compatible=hardware_compatible,
        exist_ok=exist_ok,
    )
    if as_json:
        print_json(result.to_json())
    else:
        for line in summary(result):
            OUT.print(line)
