"""What makes a nano detector slow on a CPU: its latency with one kind of operator changed.

    python -m benchmarks.bench_operators [nm] [--size 224] [--beside yolo11n.onnx]

Each variant of the detector differs from it in one respect; none is trained. All are timed in one
interleaved run on one thread of OpenVINO, with the peer's ONNX file if there is one, so that their
ratios hold on a busy machine too. INT8 graphs are made for timing: their ranges are arbitrary.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from benchmarks.entry import Parser, existing_file, positive, run_main
from benchmarks.machine import commit, maenas, write_csv
from benchmarks.real.latency import interleaved
from maenas.detector.checkpoints.checkpoint import save_folder
from maenas.detector.model.spec import DetectorSpec
from maenas.detector.model.template import load_template, template_names
from maenas.latency.networks import published_detector

PUBLISHED, EXPANSION = "as published", "expand_ratio"
COLUMNS = ("scale", "size", "variant", "f32_ms", "int8_ms", "f32_ratio", "int8_ratio", "commit")


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument(
        "scale", nargs="?", choices=template_names(), default="nm", help="published detector"
    )
    parser.add_argument("--size", type=positive, default=224, help="height and width of the input")
    parser.add_argument(
        "--beside", type=existing_file, nargs="*", default=[], help="ONNX files of peers"
    )
    parser.add_argument("--rounds", type=positive, default=200, help="inferences of each")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        files = {}
        for number, (name, spec) in enumerate(variants(published_detector(arguments.scale))):
            files[name] = exported(spec, arguments.size, Path(work) / str(number))
        files |= {path.stem: path for path in arguments.beside}
        timed = interleaved(files, arguments.rounds)
    first = timed[PUBLISHED]
    rows = [
        {"scale": arguments.scale, "size": arguments.size, "variant": name}
        | {f"{precision}_ms": f"{value:.3f}" for precision, value in ms.items()}
        | {
            f"{precision}_ratio": f"{value / first[precision]:.3f}"
            for precision, value in ms.items()
        }
        | {"commit": commit()}
        for name, ms in timed.items()
    ]
    print(write_csv("operators", rows, COLUMNS))
    for row in rows:
        print(
            f"{row['variant']}: {row['f32_ms']} ms in f32 ({row['f32_ratio']} of {PUBLISHED}), "
            f"{row['int8_ms']} ms in INT8 ({row['int8_ratio']})"
        )


def variants(spec: DetectorSpec) -> Iterator[tuple[str, DetectorSpec]]:
    """The detector, and what it is with one kind of operator changed."""
    yield PUBLISHED, spec
    relu = with_stages(spec, act="relu")
    yield "ReLU for SiLU", replace(relu, neck=replace(spec.neck, act="relu"))
    yield "depthwise 3x3 for 5x5", with_stages(spec, kernel_size=3)
    yield "no SPP", with_stages(spec, spp=False)
    yield "half the expansion", with_expansion(spec, 0.5)
    yield (
        "neck without downward connections",
        replace(spec, neck=replace(spec.neck, extra_downsampling=False)),
    )
    yield "neck of dense convolutions", replace(spec, neck=replace(spec.neck, depthwise=False))
    yield "neck of cn", replace(spec, neck=load_template("cn").neck)


def with_stages(spec: DetectorSpec, **values: Any) -> DetectorSpec:
    """The detector with fields of all stages changed that have them."""
    return changed(
        spec, lambda stage: {name: value for name, value in values.items() if name in stage}
    )


def with_expansion(spec: DetectorSpec, factor: float) -> DetectorSpec:
    """The detector with other widths inside its inverted residuals."""
    return changed(
        spec, lambda stage: {EXPANSION: factor * stage[EXPANSION]} if EXPANSION in stage else {}
    )


def changed(spec: DetectorSpec, change: Callable[[dict[str, Any]], dict[str, Any]]) -> DetectorSpec:
    """The detector with fields of each stage changed, by what they are now."""
    stages: list[Any] = list(spec.backbone.stages)
    new = [
        replace(stage, **change({each.name: getattr(stage, each.name) for each in fields(stage)}))
        for stage in stages
    ]
    return replace(spec, backbone=replace(spec.backbone, stages=tuple(new)))


def exported(spec: DetectorSpec, size: int, folder: Path) -> Path:
    """The ONNX file of a detector with random weights, without NMS."""
    save_folder(folder / "detector", spec, None)
    options = ("--input-size", size, "--format", "onnx", "--batch", 1)
    maenas("export", folder / "detector", *options, "--out", folder / "detector.onnx")
    return folder / "detector.onnx"


if __name__ == "__main__":
    run_main(main)
