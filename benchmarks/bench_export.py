"""How much exported detectors differ from torch.

    python -m benchmarks.bench_export

Exports S, T and Ns, with the golden weights and BatchNorm statistics of generated images, to ONNX
and to OpenVINO in f32. Prints the largest differences of scores and boxes before NMS from torch in
float32 and in float64 on a generated image, and the rounding error of torch itself.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.entry import Parser, run_main
from benchmarks.machine import commit, write_csv
from maenas.detector.arrays import Floats
from maenas.detector.checkpoints.checkpoint import build_network
from maenas.detector.export.export import export_detector
from maenas.detector.export.options import SUFFIXES, ExportOptions, Format
from maenas.detector.export.sample import sample_image
from maenas.detector.media.resize import fit
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.model.spec import DetectorSpec
from maenas.detector.runtimes.load import load_runtime
from maenas.detector.runtimes.torch_runtime import TorchRuntime
from tests.golden import official_weights, renamed, spec_of

MODELS = ("S", "T", "Ns")
FORMATS: tuple[Format, ...] = ("onnx", "openvino")
STATISTICS_FROM = 4  # number of images for the BatchNorm statistics


def main() -> None:
    Parser(__doc__).parse_args()
    rows = []
    for model in MODELS:
        spec = replace(spec_of(model), resize="stretch")
        network = trained_alike(model, spec)
        image = images(spec, 1, seed=STATISTICS_FROM)
        wanted = TorchRuntime(spec, network).run(image)
        for form in FORMATS:
            started = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"model{SUFFIXES[form]}"
                options = ExportOptions(format=form)
                exported = export_detector(spec, network, path, options, image)
                seconds = time.perf_counter() - started
                found = load_runtime(path).run(image)
            scores, boxes = (
                float(abs(have - want).max()) for have, want in zip(found, wanted, strict=True)
            )
            exact, rounding = exported.difference, exported.rounding
            print(
                f"{model} {form}: scores {scores:.1e}, boxes {boxes:.1e} px from torch in 32 bits; "
                f"{exact.scores:.1e}, {exact.boxes:.1e} px from torch in 64, whose own rounding "
                f"is {rounding.scores:.1e}, {rounding.boxes:.1e} px ({seconds:.1f} s)"
            )
            rows.append(
                {
                    "model": model,
                    "runtime": exported.runtime,
                    "scores": f"{scores:.2e}",
                    "boxes_px": f"{boxes:.2e}",
                    "scores_from_f64": f"{exact.scores:.2e}",
                    "boxes_from_f64_px": f"{exact.boxes:.2e}",
                    "torch_scores_from_f64": f"{rounding.scores:.2e}",
                    "torch_boxes_from_f64_px": f"{rounding.boxes:.2e}",
                    "commit": commit(),
                }
            )
    print(write_csv("export", rows, list(rows[0])))


def trained_alike(model: str, spec: DetectorSpec) -> DetectorNetwork:
    """A network with the golden weights and BatchNorm statistics of generated images."""
    network = build_network(spec, renamed(official_weights(model), spec))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # statistics are the mean over these images
    network.train()
    with torch.no_grad():
        network(torch.from_numpy(images(spec, STATISTICS_FROM)))
    return network.eval()


def images(spec: DetectorSpec, count: int, seed: int = 0) -> Floats:
    """Generated images of the input size, (count, C, H, W)."""
    drawn = (sample_image(720, 1280, seed + index) for index in range(count))
    return np.stack([fit(pixels, spec.backbone.in_shape, spec.resize)[0] for pixels in drawn])


if __name__ == "__main__":
    run_main(main)
