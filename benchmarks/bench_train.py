"""How long a training step takes on this CPU, and beside another implementation.

    python -m benchmarks.bench_train [--peer PYTHON] [--models ns t] [--side 320] [--batch 8]
        [--runs 10] [--beside 0]

A step consists of forward, assignment, loss, backward and optimizer of a published detector with
random weights on random images with 10 objects each. PYTHON is the interpreter of an environment
with the package libreyolo 1.2.0 (MIT), which has the same detectors; its model and loss get the
same images and objects, and torch's optimizer of the same kind. "maenas" is `maenas train` on this
machine, in the precision that `compute.amp: auto` chooses; the two precisions it chooses from are
timed as well, with and without PyTorch's gradients of depthwise convolutions, a run where freed
memory is returned to the system, and one whose threads wait as libgomp does by itself. `--beside`
starts so many processes that keep cores busy. Each program runs in its own process and they take
turns, a step each.
Prints medians of wall time and the median ratio of our time to theirs in neighbouring steps; the
limit is 0.6. Wall time is only meaningful if no other work runs on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from benchmarks.entry import Parser, existing_file, positive, run_main
from benchmarks.machine import commit, machine, write_csv
from maenas.cli.entry import SPINS
from maenas.detector.model.template import template_names

MODELS = ("ns", "t")
OBJECTS = 10
MOST = 0.6  # largest allowed share of the other's time
DATA = """
import json, sys, time
import torch
name, side, batch, threads, objects = sys.argv[1], *map(int, sys.argv[2:6])
torch.set_num_threads(threads)
torch.manual_seed(0)
images = torch.rand(batch, 3, side, side) * 255
corners = torch.rand(batch, objects, 2) * side * 0.6
boxes = torch.cat((corners, corners + 16 + torch.rand(batch, objects, 2) * side * 0.3), dim=2)
labels = torch.randint(80, (batch, objects))
"""
OURS = """
from maenas.blocks import load_backbone
from maenas.blocks.layers.depthwise import DepthwiseConv2d
from maenas.detector import load_template
from maenas.detector.assign import padded_targets
from maenas.detector.losses import detection_loss
from maenas.detector.model.spec import assemble
from maenas.detector.train import published_recipe, resolved_compute
from maenas.detector.train.cpu_memory import keep_freed_memory
from maenas.detector.train.precision import precision_of
from maenas.detector.train.recipe import ComputeOptions
if KEEP:
    keep_freed_memory()
if not OWN:
    DepthwiseConv2d.forward = torch.nn.Conv2d.forward
recipe = published_recipe(name)
network = assemble(load_backbone(f"zoo:damo-yolo-{name}"), load_template(name)).build().train()
network.to(memory_format=torch.channels_last)
images = images.contiguous(memory_format=torch.channels_last)
optimizer = recipe.optimizer.build(network)
targets = padded_targets(list(boxes), list(labels))
cpu = torch.device("cpu")
precision = precision_of(resolved_compute(ComputeOptions(amp=AMP), network, cpu).amp, cpu)
def loss():
    with torch.autocast("cpu", precision, enabled=precision is not None):
        levels = network(images)
    return sum(detection_loss(levels, targets, recipe.assigner).values())
"""
THEIRS = """
import warnings
warnings.filterwarnings("ignore")
from libreyolo import LibreDAMOYOLO
network = LibreDAMOYOLO(size=name, device="cpu").model.train()
targets = [{"boxes": b, "labels": l} for b, l in zip(boxes, labels)]
if len(name) == 2:
    optimizer = torch.optim.AdamW(network.parameters(), 1e-5)
else:
    optimizer = torch.optim.SGD(network.parameters(), 1e-5, momentum=0.9, nesterov=True)
def loss():
    found = network(images, targets)
    return found["total_loss"] if "total_loss" in found else found["loss"]
"""
TURNS = """
for line in sys.stdin:
    started, spent = time.perf_counter(), time.process_time()
    value = loss()
    value.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    took = time.perf_counter() - started
    print(json.dumps([took, time.process_time() - spent, float(value.detach())]), flush=True)
"""


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument(
        "--peer", type=existing_file, help="Python of an environment with libreyolo"
    )
    parser.add_argument(
        "--models", nargs="+", choices=template_names(), default=MODELS, help="scales"
    )
    parser.add_argument("--side", type=positive, default=320, help="side of an image in pixels")
    parser.add_argument("--batch", type=positive, default=8, help="images in a step")
    parser.add_argument("--runs", type=positive, default=10, help="number of turns")
    parser.add_argument("--beside", type=int, default=0, help="processes that keep cores busy")
    parser.add_argument(
        "--threads", type=positive, default=torch.get_num_threads(), help="number of CPU threads"
    )
    arguments = parser.parse_args()
    rows = []
    for name in arguments.models:
        numbers = (arguments.side, arguments.batch, arguments.threads, OBJECTS)
        words = [name, *map(str, numbers)]
        python = Path(sys.executable)
        programs = {
            who: (python, f"AMP, KEEP, OWN = {settings}{OURS}", environment)
            for who, settings, environment in (
                ("maenas", ("auto", True, True), SPINS),
                ("maenas 32 bits", ("off", True, True), SPINS),
                ("maenas bf16", ("bf16", True, True), SPINS),
                ("maenas 32 bits, gradients of torch", ("off", True, False), SPINS),
                ("maenas bf16, gradients of torch", ("bf16", True, False), SPINS),
                ("maenas, memory returned", ("auto", False, True), SPINS),
                ("maenas, threads of libgomp", ("auto", True, True), {}),
            )
        }
        if arguments.peer is not None:
            programs["libreyolo"] = (arguments.peer, THEIRS, {})
        with busy(arguments.beside):
            times = race(programs, words, arguments.runs)
        for who, seconds in times.items():
            rows.append(row(name, who, seconds, times, arguments))
    print(write_csv("train", rows, list(rows[0])))


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep `count` processes busy meanwhile."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def race(
    programs: dict[str, tuple[Path, str, dict[str, str]]], words: list[str], runs: int
) -> dict[str, list[tuple[float, float]]]:
    """Wall and processor seconds of each step, by program; the programs take turns."""
    started = {
        who: subprocess.Popen(
            [python, "-c", DATA + code + TURNS, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        for who, (python, code, environment) in programs.items()
    }
    times: dict[str, list[tuple[float, float]]] = {who: [] for who in programs}
    for number in range(2 + runs):
        order = list(started) if number % 2 else list(reversed(started))
        for who in order:
            process = started[who]
            assert process.stdin
            assert process.stdout
            process.stdin.write("\n")
            process.stdin.flush()
            wall, spent, _ = json.loads(process.stdout.readline())
            if number >= 2:  # the first steps warm up caches
                times[who].append((wall, spent))
    for process in started.values():
        process.kill()
        process.communicate()
    return times


def row(
    name: str,
    who: str,
    seconds: list[tuple[float, float]],
    times: dict[str, list[tuple[float, float]]],
    arguments: argparse.Namespace,
) -> dict[str, object]:
    """Print a line; returns the row for the file."""
    wall = [each[0] for each in seconds]
    middle = statistics.median(wall)
    said = f"damo-yolo-{name}, {who}: {1e3 * middle:.0f} ms, {arguments.batch / middle:.2f}/s"
    ratio: float | None = None
    if who != "libreyolo" and "libreyolo" in times:
        pairs = zip(wall, (each[0] for each in times["libreyolo"]), strict=True)
        ratio = statistics.median(ours / theirs for ours, theirs in pairs)
        said += f", ratio {ratio:.3f} (at most {MOST})"
    print(
        f"{said} (batch {arguments.batch} at {arguments.side}, {len(wall)} steps, "
        f"{min(wall) * 1e3:.0f}..{max(wall) * 1e3:.0f} ms, {arguments.threads} threads, "
        f"{machine()})"
    )
    return {
        "model": f"damo-yolo-{name}",
        "program": who,
        "side": arguments.side,
        "batch": arguments.batch,
        "threads": arguments.threads,
        "beside": arguments.beside,
        "step_ms": round(1e3 * middle, 1),
        "fastest_ms": round(1e3 * min(wall), 1),
        "processor_ms": round(1e3 * statistics.median(each[1] for each in seconds), 1),
        "images_per_s": round(arguments.batch / middle, 2),
        "ratio": "" if ratio is None else round(ratio, 3),
        "runs": len(wall),
        "commit": commit(),
    }


if __name__ == "__main__":
    run_main(main)
