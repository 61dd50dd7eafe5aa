"""What assignment and loss cost in a training step, and the memory a crowded image takes.

    python -m benchmarks.bench_assign [--model s] [--batch 8] [--runs 3] [--compute cpu]

A step consists of forward pass, loss, backward pass and SGD of a published detector with random
weights at its input size, with 30 objects in each image (a mosaic of four COCO images has 29 on
average). The share is the time of assignment and forward pass of the loss. Memory is the increase
of the peak of resident memory while a batch of one crowded image and otherwise empty images is
assigned, with each assigner in its own process; on a GPU, it is the peak that torch allocated.
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

from benchmarks.entry import Parser, positive, run_main
from benchmarks.machine import commit, machine, write_csv
from maenas.blocks import load_backbone
from maenas.detector import load_template
from maenas.detector.assign import ASSIGNERS, Predictions, Priors, Targets, padded_targets
from maenas.detector.losses import detection_loss
from maenas.detector.model.decode import STRIDES, anchor_points
from maenas.detector.model.spec import assemble
from maenas.detector.model.template import template_names
from maenas.detector.train.ranks import find_device

OBJECTS, CROWD, CLASSES = 30, 1_000, 80
MAX_SHARE = 15  # percent of a step
MAX_MEMORY = 1_500  # MB
SIDE = 640  # side of the crowded image in pixels


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("--model", choices=template_names(), default="s", help="scale")
    parser.add_argument("--batch", type=positive, default=8, help="images in a step")
    parser.add_argument("--runs", type=positive, default=3, help="number of runs")
    parser.add_argument("--compute", default="cpu", help="cpu, cuda:0 or auto")
    arguments = parser.parse_args()
    device = find_device(arguments.compute)
    rows = [memory_row(name, arguments.batch, device) for name in ASSIGNERS]
    shares = share_rows(arguments.model, arguments.batch, arguments.runs, device)
    rows = [row | share for row, share in zip(rows, shares, strict=True)]
    print(write_csv("assign", rows, list(rows[0])))


def memory_row(name: str, batch: int, device: torch.device) -> dict[str, Any]:
    """Peak extra memory of one assigner for one crowded image in a batch."""
    with multiprocessing.get_context("spawn").Pool(1) as process:
        megabytes, seconds = process.apply(peak_memory, (name, batch, str(device)))
    print(
        f"{name}: {megabytes:,.0f} MB and {seconds:.2f} s for {CROWD:,} objects in one of {batch} "
        f"images at {SIDE} (at most {MAX_MEMORY:,} MB; {machine()})"
    )
    return {"assigner": name, "crowd_megabytes": round(megabytes), "crowd_s": round(seconds, 3)}


def peak_memory(name: str, batch: int, compute: str) -> tuple[float, float]:
    """Peak memory in MB above that of the inputs, and time in seconds."""
    device = torch.device(compute)
    assigner = ASSIGNERS[name]()
    sizes = [(SIDE // stride, SIDE // stride) for stride in STRIDES]
    points, strides = anchor_points(sizes, STRIDES, torch.zeros((), device=device))
    priors = Priors(points, strides[:, 0])
    logits = torch.randn(batch, len(points), CLASSES, device=device)
    around = torch.rand(batch, len(points), 4, device=device) * 4 * strides
    predicted = torch.cat((points - around[..., :2], points + around[..., 2:]), dim=-1)
    predictions = Predictions(logits, predicted)
    assigner(predictions, priors, objects([1] * batch, device))  # warm-up
    targets = objects([CROWD] + [0] * (batch - 1), device)
    before = now_megabytes(device)
    started = time.perf_counter()
    assigner(predictions, priors, targets)
    peak = peak_megabytes(device)
    return max(0.0, peak - before), time.perf_counter() - started


def now_megabytes(device: torch.device) -> float:
    """Memory in use, in MB."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device) / 1e6
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def peak_megabytes(device: torch.device) -> float:
    """Peak of the memory in use, in MB, once the device has finished."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6  # KiB on Linux


def share_rows(model: str, batch: int, runs: int, device: torch.device) -> list[dict[str, Any]]:
    """Time of the loss with each assigner, and its share of a whole step."""
    spec = assemble(load_backbone(f"zoo:damo-yolo-{model}"), load_template(model))
    network = spec.build().to(device).train()
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9)
    images = torch.rand(batch, *spec.backbone.in_shape, device=device) * 255
    targets = objects([OBJECTS] * batch, device)
    forward, rest = [], []
    losses: dict[str, list[float]] = {name: [] for name in ASSIGNERS}
    for index in range(1 + runs):  # the first warms up
        started = clock(device)
        levels = network(images)
        done = clock(device)
        loss: Tensor = torch.zeros(())
        for name, kind in reversed(ASSIGNERS.items()):  # AlignOTA last: backward() uses its loss
            before = clock(device)
            loss = sum(detection_loss(levels, targets, kind()).values(), torch.zeros_like(loss))
            if index:
                losses[name].append(clock(device) - before)
        before = clock(device)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if index:
            forward.append(done - started)
            rest.append(clock(device) - before)
    others = median(forward) + median(rest)
    rows = []
    for name, seconds in losses.items():
        share = 100 * median(seconds) / (median(seconds) + others)
        print(
            f"{name}: assignment and loss {1e3 * median(seconds):.1f} ms of a step of "
            f"{others + median(seconds):.3f} s: {share:.2f} % (at most {MAX_SHARE}; damo-yolo-"
            f"{model}, batch {batch}, {torch.get_num_threads()} threads, {device}, {machine()})"
        )
        rows.append(
            {
                "model": f"damo-yolo-{model}",
                "batch": batch,
                "compute": str(device),
                "loss_ms": round(1e3 * median(seconds), 1),
                "step_s": round(others + median(seconds), 3),
                "share_percent": round(share, 2),
                "runs": runs,
                "commit": commit(),
            }
        )
    return rows


def clock(device: torch.device) -> float:
    """Time in seconds, read once the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def objects(counts: list[int], device: torch.device) -> Targets:
    """Random boxes with sides of 8 to 200 pixels; `counts` gives their number in each image."""
    generator = torch.Generator().manual_seed(0)
    boxes, labels = [], []
    for count in counts:
        middle = torch.rand(count, 2, generator=generator) * SIDE
        half = 4 * 25 ** torch.rand(count, 2, generator=generator)
        boxes.append(torch.cat((middle - half, middle + half), dim=1).to(device))
        labels.append(torch.randint(CLASSES, (count,), generator=generator).to(device))
    return padded_targets(boxes, labels)


if __name__ == "__main__":
    run_main(main)
