"""`maenas export`: export a detector for other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maenas.cli.options import ImageSize, Json

if TYPE_CHECKING:
    from maenas.detection.export import ExportResult


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
    max_iou: Annotated[float, typer.Option(help="With --end2end: IoU threshold of NMS.")] = 0.7,
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


def summary(result: ExportResult) -> list[str]:
    """The result as lines of text."""
    from maenas.detector.channels import shown_shape
    from maenas.detector.export.verify import TOLERANCES

    exported, metadata = result.exported, result.exported.metadata
    tolerance = TOLERANCES[metadata.precision]
    shape = shown_shape(metadata.in_shape)
    lines = [
        f"{exported.path}: {metadata.layout}, {metadata.precision}, {shape}",
        f"ran in {exported.runtime}",
        *([f"computes {exported.computes}"] if exported.computes else []),
        f"difference from torch in 64 bits: {exported.difference}",
        f"difference of torch in 32 bits:   {exported.rounding}",
    ]
    if metadata.precision != "f32":
        lines.append(
            f"{metadata.precision} rounds: its {tolerance.of} difference may be "
            f"{tolerance.scores:g} in scores and {tolerance.boxes:g} px"
        )
    if exported.objects:
        lines.append(
            f"its NMS gives the same {exported.objects} detections as the NMS of maenas above "
            f"{exported.above:.3g}"
        )
    elif exported.objects == 0:
        lines.append("its NMS was not compared: no score in the image stands out")
    elif metadata.layout == "end2end-trt":
        lines.append("its NMS was not run: the plugin is TensorRT's alone")
    return lines
