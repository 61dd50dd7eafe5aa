"""`maenas export`: a detector for other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maenas.cli.options import Json
from maenas.detection.export import beside, calibrate_on, images_in, lines, look_at, report


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
        typer.Option("--format", help="onnx, openvino or tensorrt. (as --out ends, else onnx)"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write. (beside the detector if left out)")
    ] = None,
    precision: Annotated[
        str, typer.Option(help="f32, f16 or int8; decoding stays in float.")
    ] = "f32",
    end2end: Annotated[
        bool,
        typer.Option("--end2end", help="NMS inside, by standard operators unless trt is said."),
    ] = False,
    batch: Annotated[
        int | None, typer.Option(help="Images at a time. (any number if left out)")
    ] = None,
    input_size: Annotated[
        int | None, typer.Option(help="Side of the image. (the detector's if left out)")
    ] = None,
    opset: Annotated[int, typer.Option(help="Of ONNX: 18, 19 or 20.")] = 19,
    min_score: Annotated[float, typer.Option(help="With --end2end: detections score more.")] = 0.05,
    max_iou: Annotated[
        float, typer.Option(help="With --end2end: more overlap than that is the same object.")
    ] = 0.7,
    max_detections: Annotated[
        int, typer.Option(help="With --end2end: most detections an image.")
    ] = 300,
    calibration: Annotated[
        Path | None,
        typer.Option(help="Folder of images to take INT8 ranges from. (drawn if left out)"),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(help="Image to compare with torch on. (one is drawn if left out)"),
    ] = None,
    exist_ok: Annotated[bool, typer.Option("--exist-ok", help="Replace the file.")] = False,
    as_json: Json = False,
) -> None:
    """Write a detector for ONNX Runtime, OpenVINO or TensorRT, checked against torch."""
    from maenas.blocks import SpecError
    from maenas.detector.checkpoints.checkpoint import build_network
    from maenas.detector.export.options import SUFFIXES, ExportOptions
    from maenas.detector.media.images import read_image
    from maenas.detector.ops.thresholds import Thresholds
    from maenas.runs.models import find_detector, require_model
    from maenas.terminal.console import ERR, OUT, print_json

    if plugin not in (None, "trt") or (plugin and not end2end):
        raise SpecError(f"{plugin}: not understood; NMS by plugin is `--end2end trt`.")
    by_suffix = {suffix: name for name, suffix in SUFFIXES.items()}
    usual = by_suffix.get(out.suffix, "onnx") if out else "onnx"
    options = ExportOptions(
        format=file_format or usual,  # type: ignore[arg-type]
        precision=precision,  # type: ignore[arg-type]
        layout="end2end-trt" if plugin else "end2end" if end2end else "raw",
        opset=opset,
        batch=batch,
        nms=Thresholds(min_score, max_iou, max_detections),
    )
    require_model(detector)
    path = out or beside(detector, SUFFIXES[options.format])
    if path.exists() and not exist_ok:
        raise SpecError(f"{path}: exists; --exist-ok replaces it, --out names another file.")
    options.require(path)
    pixels = None if image is None else read_image(image)
    examples = images_in(calibration) if calibration and precision == "int8" else None

    from maenas.detector.export.export import export_detector  # torch: mistakes are told before

    spec, weights = find_detector(detector, input_size)
    if weights is None:
        ERR.print(f"{detector} has no weights: they are random, which only latency is good for")
    if precision == "int8" and calibration is None:
        ERR.print("calibrating on drawn images; --calibration FOLDER of your own keeps more AP")
    exported = export_detector(
        spec,
        build_network(spec, weights, detector),
        path,
        options,
        look_at(pixels, spec),
        calibrate_on(examples, spec) if precision == "int8" else (),
    )
    if as_json:
        print_json(report(detector, exported))
    else:
        for line in lines(exported):
            OUT.print(line)
