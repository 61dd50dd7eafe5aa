"""How much processor time a training step takes in one tree of this repository, beside another.

    python -m benchmarks.bench_steps TREE_A TREE_B [--models ns t] [--side 320] [--batch 4]
                                     [--runs 20]

TREE_A and TREE_B are checkouts, such as `git worktree add /tmp/before COMMIT` makes. Each tree runs
its own `maenas.detector.train.train` on the same drawn images, the second beside the first: they
take turns, a step each, and the one that begins alternates. A step is the whole of it: images that
are loaded and augmented, forward, assignment, loss, backward, optimizer and moving average. Its
time is that of the process on all its cores, which depends less on other work than wall time does.
Prints, for each model, the median time of both and the median ratio B / A of neighbouring steps
with the 95 % interval of the median.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np

from benchmarks.entry import Parser, existing_folder, positive, run_main
from benchmarks.machine import machine
from maenas.detector.model.template import template_names

WARM_UP = 3  # steps that fill caches
# Runs in either tree, so it uses what both have.
STEPS = """
import sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from dataclasses import replace
from maenas.blocks import load_backbone
from maenas.detector import load_template
from maenas.detector.data import LoaderOptions, TrainLoader, read_dataset
from maenas.detector.model.spec import assemble
from maenas.detector.train import (
    Ranks, RunFolder, Training, identity, published_recipe, recipe_lines, train)
model, data, folder, side, batch, steps = *sys.argv[1:4], *map(int, sys.argv[4:7])
torch.manual_seed(0)
spec = assemble(load_backbone(f"zoo:damo-yolo-{model}"), load_template(model))
names = ("red", "green", "blue")
spec = replace(spec, backbone=replace(spec.backbone, in_shape=(3, side, side)),
               head=replace(spec.head, num_classes=3), names=names)
dataset = read_dataset(Path(data), "train")
epochs = -(-steps * batch // len(dataset))
recipe = replace(published_recipe(model), epochs=epochs, batch=batch)
options = LoaderOptions((side, side), batch=batch, epochs=epochs, augmentation=recipe.augmentation)
training = Training(
    network=spec.build(), recipe=recipe, loader=TrainLoader(dataset, options),
    accumulation_steps=1, batch=batch, ranks=Ranks(torch.device("cpu")),
    folder=RunFolder(Path(folder), spec),
    identity=identity(spec, dataset, "\\n".join(recipe_lines(recipe))))
events = (event for event in train(training) if hasattr(event, "parts"))
for line in sys.stdin:
    before = time.process_time()
    next(events)
    print(time.process_time() - before, flush=True)
"""


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of some ratios, with the interval that holds it with 95 % confidence."""

    median: float
    low: float
    high: float


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("trees", nargs=2, type=existing_folder, metavar="TREE", help="checkouts")
    parser.add_argument(
        "--models", nargs="+", choices=template_names(), default=["ns", "t"], help="scales"
    )
    parser.add_argument("--side", type=positive, default=320, help="side of an image in pixels")
    parser.add_argument("--batch", type=positive, default=4, help="images in a step")
    parser.add_argument("--runs", type=positive, default=20, help="number of steps")
    given = parser.parse_args()
    for model in given.models:
        times = turns(given.trees, model, given.side, given.batch, given.runs)
        first, second = (statistics.median(each) for each in times)
        found = ratio(times)
        print(
            f"damo-yolo-{model}: {1e3 * first:.0f} and {1e3 * second:.0f} ms of processor time a "
            f"step, ratio {found.median:.3f} ({found.low:.3f}..{found.high:.3f}; {given.runs} "
            f"steps of {given.batch} images at {given.side}, {machine()})",
            flush=True,
        )


def turns(
    trees: Sequence[Path], model: str, side: int, batch: int, runs: int
) -> tuple[list[float], list[float]]:
    """Seconds of processor time of each step, by tree; the trees take turns."""
    times: tuple[list[float], list[float]] = ([], [])
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        data = drawn(Path(name), 4 * batch, side)
        words = [str(data), str(side), str(batch), str(WARM_UP + runs)]
        processes = [
            stack.enter_context(_process(tree, [model, words[0], f"{name}/{place}", *words[1:]]))
            for place, tree in enumerate(trees)
        ]
        for number in range(WARM_UP + runs):
            for place in (0, 1) if number % 2 else (1, 0):
                seconds = _step(processes[place], trees[place])
                if number >= WARM_UP:
                    times[place].append(seconds)
        for process in processes:
            process.kill()
    return times


def ratio(times: tuple[Sequence[float], Sequence[float]]) -> Ratio:
    """The median ratio of neighbouring steps, the second tree over the first.

    The interval is that of the order statistics: a median of n values lies between those whose
    ranks are 1.96 standard deviations of a binomial of n and 1/2 away from the middle.
    """
    first, second = times
    ratios = sorted(b / a for a, b in zip(first, second, strict=True))
    count = len(ratios)
    away = 1.96 * sqrt(count) / 2
    low = max(0, int(count / 2 - away) - 1)
    high = min(count - 1, int(count / 2 + away))
    return Ratio(statistics.median(ratios), ratios[low], ratios[high])


def drawn(folder: Path, images: int, side: int) -> Path:
    """A data set of rectangles on noise; returns its `data.yaml`."""
    from PIL import Image

    random = np.random.default_rng(0)
    for kind in ("images", "labels"):
        (folder / kind).mkdir()
    for number in range(images):
        pixels = random.integers(0, 60, (side, side, 3), dtype=np.uint8)
        quarter = side // 4
        pixels[quarter : 3 * quarter, quarter : 3 * quarter, number % 3] = 230
        Image.fromarray(pixels).save(folder / "images" / f"{number}.jpg")
        (folder / "labels" / f"{number}.txt").write_text(f"{number % 3} 0.5 0.5 0.5 0.5\n")
    path = folder / "data.yaml"
    path.write_text("train: images\nval: images\nnames: [red, green, blue]\n")
    return path


def _process(tree: Path, words: Sequence[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(tree.resolve()), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", STEPS, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tree,
        env=environment,
    )


def _step(process: subprocess.Popen[str], tree: Path) -> float:
    """Let a process take a step; returns its seconds.

    Raises:
        SystemExit: if the process has ended; its error is on the terminal.
    """
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write("\n")
        process.stdin.flush()
        return float(json.loads(process.stdout.readline()))
    except (OSError, ValueError):
        raise SystemExit(f"{tree}: its training has ended; see above for the reason.") from None


if __name__ == "__main__":
    run_main(main)
