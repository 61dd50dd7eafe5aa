"""`maenas export`: a detector for other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from detector.export.export import Exported
    from detector.pictures import Pixels
    from detector.runtimes.runtime import Floats
    from detector.spec import DetectorSpec

SCHEMA = "maenas/export@1"
CALIBRATION_PICTURES = 128


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
        int | None, typer.Option(help="Pictures at a time. (any number if left out)")
    ] = None,
    input_size: Annotated[
        int | None, typer.Option(help="Side of the picture. (the detector's if left out)")
    ] = None,
    opset: Annotated[int, typer.Option(help="Of ONNX: 18, 19 or 20.")] = 19,
    min_score: Annotated[float, typer.Option(help="With --end2end: detections score more.")] = 0.05,
    max_iou: Annotated[
        float, typer.Option(help="With --end2end: more overlap than that is the same object.")
    ] = 0.7,
    max_detections: Annotated[
        int, typer.Option(help="With --end2end: most detections a picture.")
    ] = 300,
    calibration: Annotated[
        Path | None,
        typer.Option(help="Folder of pictures to take INT8 ranges from. (drawn if left out)"),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(help="Picture to compare with torch on. (one is drawn if left out)"),
    ] = None,
    exist_ok: Annotated[bool, typer.Option("--exist-ok", help="Replace the file.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout.")
    ] = False,
) -> None:
    """Write a detector for ONNX Runtime, OpenVINO or TensorRT, checked against torch."""
    from blocks import SpecError
    from detector.checkpoint import build_network
    from detector.export.options import SUFFIXES, ExportOptions, NmsOptions
    from detector.pictures import read_picture
    from maenas.console import ERR, OUT, print_json
    from maenas.models import find_detector, require_model

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
        nms=NmsOptions(min_score, max_iou, max_detections),
    )
    require_model(detector)
    path = out or beside(detector, SUFFIXES[options.format])
    if path.exists() and not exist_ok:
        raise SpecError(f"{path}: exists; --exist-ok replaces it, --out names another file.")
    options.require(path)
    pixels = None if picture is None else read_picture(picture)
    examples = pictures_in(calibration) if calibration and precision == "int8" else None

    from detector.export.export import export_detector  # torch: mistakes are told before

    spec, weights = find_detector(detector, input_size)
    if weights is None:
        ERR.print(f"{detector} has no weights: they are random, which only latency is good for")
    if precision == "int8" and calibration is None:
        ERR.print("calibrating on drawn pictures; --calibration FOLDER of your own keeps more AP")
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


def beside(name: str, suffix: str) -> Path:
    """Where the file goes if nobody says: into the folder of the detector."""
    from maenas.models import detector_in

    if name.startswith("zoo:"):
        return Path(f"{name.removeprefix('zoo:')}{suffix}")
    path = detector_in(Path(name))
    folder = path if path.is_dir() else path.parent
    return folder / f"detector{suffix}"


def look_at(pixels: Pixels | None, spec: DetectorSpec) -> Floats:
    """The picture to compare on, (1, 3, H, W); a drawn one if there is none."""
    from detector.export.sample import sample_picture
    from detector.resize import fit

    _, height, width = spec.backbone.in_shape
    if pixels is None:
        pixels = sample_picture(height, width)
    return fit(pixels, (height, width), spec.resize)[0][None]


def pictures_in(folder: Path) -> list[Pixels]:
    """The first pictures of a folder by name.

    Raises:
        PictureError: if there is none, or one cannot be read.
    """
    from detector.pictures import PictureError, find_sources, read_picture

    sources = [source for source in find_sources([str(folder)]) if not source.is_video]
    if not sources:
        raise PictureError(f"{folder}: holds no picture to calibrate on.")
    return [read_picture(source.path) for source in sources[:CALIBRATION_PICTURES]]


def calibrate_on(examples: Sequence[Pixels] | None, spec: DetectorSpec) -> Sequence[Floats]:
    """Pictures for INT8, each (1, 3, H, W); drawn ones if there are none."""
    from detector.export.sample import sample_picture
    from detector.resize import fit

    _, height, width = spec.backbone.in_shape
    if examples is None:
        examples = [sample_picture(height, width, seed) for seed in range(1, 33)]
    return [fit(pixels, (height, width), spec.resize)[0][None] for pixels in examples]


def report(detector: str, exported: Exported) -> dict[str, Any]:
    """The result as plain data."""
    from dataclasses import asdict

    return {
        "schema": SCHEMA,
        "detector": detector,
        "path": str(exported.path),
        "metadata": exported.metadata.to_text(),
        "difference": asdict(exported.difference),
        "torch_rounding": asdict(exported.rounding),
        "runtime": exported.runtime,
        "objects": exported.objects,
        "objects_above": exported.above,
    }


def lines(exported: Exported) -> list[str]:
    """The result for people."""
    from detector.export.verify import TOLERANCES

    metadata = exported.metadata
    tolerance = TOLERANCES[metadata.precision]
    shape = "x".join(map(str, metadata.in_shape[1:]))
    told = [
        f"{exported.path}: {metadata.layout}, {metadata.precision}, {shape}",
        f"ran in {exported.runtime}",
        f"differs from torch in 64 bits by: {exported.difference}",
        f"torch itself does in 32 bits by:  {exported.rounding}",
    ]
    if metadata.precision != "f32":
        told.append(
            f"{metadata.precision} rounds: its {tolerance.of} difference may be "
            f"{tolerance.scores:g} in scores and {tolerance.boxes:g} px"
        )
    if exported.objects:
        told.append(
            f"its NMS finds the same {exported.objects} objects as ours above {exported.above:.3g}"
        )
    elif exported.objects == 0:
        told.append("its NMS was not compared: no score in the picture stands out")
    elif metadata.layout == "end2end-trt":
        told.append("its NMS was not run: the plugin is TensorRT's alone")
    return told
