"""What pre- and post-processing cost beside the network, for one 1280 x 720 image on the CPU.

    python -m benchmarks.bench_detect [--models s ns] [--runs 40]

The network runs in OpenVINO in float32. Its weights are random, so NMS gets generated scores and
boxes of a crowded street: 2,000 pairs of box and class around 40 objects. The thresholds are those
of an evaluation (0.05) and of `maenas detect` (0.4). Reading the JPEG is measured but not part of
the share, because a camera delivers no JPEG. The share is that of the fastest runs, which other
work on the machine disturbs least; the share of the medians is printed beside it.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.entry import Parser, positive, run_main
from benchmarks.machine import commit, machine, write_csv
from maenas.blocks import load_backbone
from maenas.detector import load_template
from maenas.detector.arrays import Floats
from maenas.detector.export.export import export_detector
from maenas.detector.export.options import ExportOptions
from maenas.detector.media.images import Pixels, read_image
from maenas.detector.model.spec import assemble
from maenas.detector.model.template import template_names
from maenas.detector.ops.thresholds import Thresholds
from maenas.detector.predict.predict import predict
from maenas.detector.runtimes.load import load_runtime
from maenas.detector.runtimes.runtime import Runtime

HEIGHT, WIDTH = 720, 1280
CLASSES, OBJECTS, CANDIDATES = 80, 40, 2_000
MAX_SHARE = 15  # percent of the network's time
WARM_UP = 5
PARTS = ("read", "before", "network", "after")


class Street(Runtime):
    """Runtime that takes the time of another one and then returns a crowded street."""

    def __init__(self, network: Runtime, street: tuple[Floats, Floats]) -> None:
        self.in_shape, self.names = network.in_shape, network.names
        self.resize, self.about = network.resize, network.about
        self.is_nano = network.is_nano
        self._network, self._street = network, street

    def run(self, images: Floats) -> tuple[Floats, Floats]:
        self._network.run(images)
        return self._street


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument(
        "--models", nargs="+", choices=template_names(), default=["s", "t", "ns"], help="scales"
    )
    parser.add_argument("--runs", type=positive, default=40, help="number of timed runs")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "street.jpg"
        Image.fromarray(scene()).save(path, quality=90)
        for model in arguments.models:
            network = exported(model, Path(folder))
            street = Street(network, crowd(network.in_shape[1:]))
            for min_score in (0.4, 0.05):
                rows.append(row_of(model, street, path, min_score, arguments.runs))
    print(write_csv("detect", rows, list(rows[0])))


def row_of(model: str, street: Runtime, path: Path, min_score: float, runs: int) -> dict[str, Any]:
    """Print the fastest and the median run; returns them as a row."""
    spent: dict[str, list[float]] = defaultdict(list)
    thresholds = Thresholds(min_score, max_detections=500)
    for index in range(WARM_UP + runs):
        started = time.perf_counter()
        pixels = read_image(path)
        read = time.perf_counter() - started
        (found,), seconds = predict(street, [pixels], thresholds)
        if index >= WARM_UP:
            spent["read"].append(read)
            spent["before"].append(seconds.before)
            spent["network"].append(seconds.network)
            spent["after"].append(seconds.after)
    fastest = {name: 1e3 * min(values) for name, values in spent.items()}
    usual = {name: 1e3 * median(values) for name, values in spent.items()}
    share, usual_share = (
        100 * (ms["before"] + ms["after"]) / ms["network"] for ms in (fastest, usual)
    )
    runtime = street.about.split(",")[0]
    print(
        f"damo-yolo-{model}, above {min_score}: pre-processing {fastest['before']:.2f} ms, network "
        f"{fastest['network']:.1f} ms, post-processing {fastest['after']:.2f} ms for {len(found)} "
        f"objects: {share:.1f} % (at most {MAX_SHARE}; of medians {usual_share:.1f} %); reading "
        f"{fastest['read']:.1f} ms ({runtime}, {machine()})"
    )
    return {
        "model": f"damo-yolo-{model}",
        "min_score": min_score,
        "objects": len(found),
        **{f"{name}_ms": round(fastest[name], 3) for name in PARTS},
        **{f"{name}_median_ms": round(usual[name], 3) for name in PARTS},
        "share_percent": round(share, 1),
        "share_of_medians_percent": round(usual_share, 1),
        "runs": runs,
        "runtime": runtime,
        "commit": commit(),
    }


def exported(model: str, folder: Path) -> Runtime:
    """Export a published detector with random weights; returns its OpenVINO runtime."""
    spec = assemble(load_backbone(f"zoo:damo-yolo-{model}"), load_template(model))
    sample = np.random.default_rng(0).uniform(0, 255, (1, *spec.backbone.in_shape))
    path = folder / f"{model}.xml"
    options = ExportOptions(format="openvino")
    export_detector(spec, spec.build().eval(), path, options, sample.astype(np.float32))
    return load_runtime(path)


def scene() -> Pixels:
    """An image as detailed as a photograph: noise on a smooth gradient."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    light = 128 + 60 * np.sin(x / 90) * np.cos(y / 70)
    noisy = light[..., None] + rng.normal(0, 12, (HEIGHT, WIDTH, 3))
    pixels: Pixels = noisy.clip(0, 255).astype(np.uint8)
    return pixels


def crowd(size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Scores (1, N, 80) and boxes (1, N, 4) of objects that many anchor points predict."""
    rng = np.random.default_rng(0)
    height, width = size
    positions = sum((height // stride) * (width // stride) for stride in (8, 16, 32))
    scores = rng.uniform(0, 0.02, (1, positions, CLASSES)).astype(np.float32)
    boxes = rng.uniform(0, 64, (1, positions, 4)).astype(np.float32)
    boxes[..., 2:] += boxes[..., :2]
    seen = rng.choice(positions, CANDIDATES, replace=positions < CANDIDATES)
    which = rng.integers(0, OBJECTS, CANDIDATES)
    centres = rng.uniform(0.1, 0.9, (OBJECTS, 2)) * (width, height)
    sizes = rng.uniform(0.05, 0.3, (OBJECTS, 2)) * (width, height)
    corners = centres[which] + rng.normal(0, 0.05, (CANDIDATES, 2)) * sizes[which]
    boxes[0, seen] = np.concatenate((corners - sizes[which] / 2, corners + sizes[which] / 2), 1)
    scores[0, seen, which % CLASSES] = rng.uniform(0.05, 0.9, CANDIDATES)
    return scores, boxes


if __name__ == "__main__":
    run_main(main)
