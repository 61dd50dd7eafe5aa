"""How fast our exported models are compared with those of another implementation.

    python -m benchmarks.bench_openvino_peer FOLDER

FOLDER holds `ns.onnx`, `t.onnx` and `s.onnx` of the package libreyolo 1.2.0 (MIT), made in a
separate environment:

    from libreyolo import LibreDAMOYOLO
    for size, side in (("ns", 416), ("t", 640), ("s", 640)):
        model = LibreDAMOYOLO(size=size, device="cpu")
        model.export(format="onnx", imgsz=side, batch=1, output_path=f"{size}.onnx")

Both run in OpenVINO on this CPU, in f32, at batch size 1, with the latency hint and outputs before
NMS; they take turns. Prints the median over pairs of runs of the ratio of our time to theirs: below
1 ours is faster.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import openvino
import torch

from benchmarks.entry import Parser, existing_folder, positive, run_main
from benchmarks.machine import commit, write_csv
from maenas.blocks import load_backbone
from maenas.budgets.backends.openvino_core import openvino_core
from maenas.detector import load_template
from maenas.detector.arrays import Floats
from maenas.detector.export.export import export_detector
from maenas.detector.export.options import ExportOptions
from maenas.detector.export.sample import sample_image
from maenas.detector.media.resize import fit
from maenas.detector.model.spec import assemble

SCALES = ("s", "t", "ns")
CONFIG = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument(
        "folder",
        type=existing_folder,
        help="folder with the ONNX files of the other implementation",
    )
    parser.add_argument(
        "--pairs", type=positive, default=60, help="number of interleaved pairs of runs"
    )
    arguments = parser.parse_args()
    rows, ratios = [], []
    with tempfile.TemporaryDirectory() as folder:
        for scale in SCALES:
            ours, image = exported(scale, Path(folder))
            found = race(ours, arguments.folder / f"{scale}.onnx", image, arguments.pairs)
            pairs = [mine / theirs for mine, theirs in found]
            ratio = statistics.median(pairs)
            ratios.append(ratio)
            mine, theirs = (statistics.median(side) for side in zip(*found, strict=True))
            low, high = np.percentile(pairs, (25, 75))
            print(
                f"{scale}: ours {mine:.2f} ms, theirs {theirs:.2f} ms, median ratio {ratio:.3f} "
                f"(quartiles {low:.3f}, {high:.3f}; {len(pairs)} pairs)"
            )
            rows.append(
                {
                    "model": scale,
                    "ours_ms": round(mine, 3),
                    "theirs_ms": round(theirs, 3),
                    "ratio": round(ratio, 4),
                    "quartile_1": round(float(low), 4),
                    "quartile_3": round(float(high), 4),
                    "pairs": len(pairs),
                    "openvino": openvino.__version__.partition("-")[0],
                    "commit": commit(),
                }
            )
    print(f"median over {', '.join(SCALES)}: {statistics.median(ratios):.3f}")
    print(write_csv("openvino-peer", rows, list(rows[0])))


def exported(scale: str, folder: Path) -> tuple[Path, Floats]:
    """Export a published detector with random weights; returns its IR and an image for it."""
    torch.manual_seed(0)
    spec = assemble(load_backbone(f"zoo:damo-yolo-{scale}"), load_template(scale))
    _, height, width = spec.backbone.in_shape
    image = fit(sample_image(height, width), spec.backbone.in_shape, "stretch")[0][None]
    path = folder / f"{scale}.xml"
    options = ExportOptions(format="openvino", batch=1)
    export_detector(spec, spec.build(), path, options, image)
    return path, image


def race(ours: Path, theirs: Path, image: Floats, pairs: int) -> list[tuple[float, float]]:
    """Milliseconds of each pair of runs."""
    core = openvino_core()
    runners = []
    for path in (ours, theirs):
        model = core.read_model(path)
        model.reshape({model.input(0): list(image.shape)})
        runners.append(core.compile_model(model, "CPU", CONFIG).create_infer_request())
    found = []
    for index in range(pairs + 5):
        spent = {}
        order = (0, 1) if index % 2 else (1, 0)  # each is first in half of the pairs
        for which in order:
            started = time.perf_counter()
            runners[which].infer([image], share_inputs=True)
            spent[which] = 1e3 * (time.perf_counter() - started)
        found.append((spent[0], spent[1]))
    return found[5:]  # the first pairs warm up caches


if __name__ == "__main__":
    run_main(main)
