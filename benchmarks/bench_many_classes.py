"""What assignment and loss of 701 classes cost in a training step, in time and memory.

    python -m benchmarks.bench_many_classes [--classes 701] [--batch 8] [--runs 3] [--compute cpu]

A step consists of forward pass, assignment, loss, their backward pass, that of the network, and
SGD, of a published detector with random weights, 30 objects in each image, and half of the classes
annotated in each image. The share is that of assignment, loss and their backward pass to the maps
of the head. Every section is timed in every step; medians are compared.

Extra memory is the difference of the peaks of two processes: one takes such steps, the other the
same without assignment and loss, from gradients of the maps that are given. On a CPU the peak is
that of resident memory, on a GPU that of what torch allocated.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from statistics import median
from typing import TypeVar

import torch
from torch import Tensor

from benchmarks.bench_assign import clock, now_megabytes, peak_megabytes
from benchmarks.entry import Parser, positive, run_main
from benchmarks.machine import commit, machine, write_csv
from maenas.blocks import load_backbone
from maenas.detector import load_template
from maenas.detector.assign import AlignOTA, Targets, padded_targets
from maenas.detector.losses import LossWeights, assigned_loss, flat_maps
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.model.raw_level import RawLevel
from maenas.detector.model.spec import assemble
from maenas.detector.model.template import template_names
from maenas.detector.train.cpu_memory import keep_freed_memory
from maenas.detector.train.ranks import find_device

Result = TypeVar("Result")
OBJECTS = 30  # objects in an image: a mosaic of four COCO images has 29 on average
MAX_SHARE, MAX_EXTRA_MB = 15, 2_500
SECTIONS = ("forward", "assign", "loss", "loss_backward", "backward", "step")
OURS = ("assign", "loss", "loss_backward")


class Steps:
    """Training steps whose sections are timed.

    Args:
        model: scale of the published detector.
        classes: number of classes.
        batch: images in a step.
        device: device to compute on.
    """

    def __init__(self, model: str, classes: int, batch: int, device: torch.device) -> None:
        torch.manual_seed(0)
        backbone = load_backbone(f"zoo:damo-yolo-{model}")
        spec = assemble(backbone, load_template(model), num_classes=classes)
        self.network: DetectorNetwork = spec.build().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network.train()
        self.optimizer = torch.optim.SGD(self.network.parameters(), 1e-4, momentum=0.9, fused=True)
        images = torch.rand(batch, *spec.backbone.in_shape, device=device) * 255
        self.images = images.contiguous(memory_format=torch.channels_last)
        self.targets = objects(batch, classes, spec.backbone.in_shape[1], device)
        self.device = device

    def taken(self, learns: bool = True) -> dict[str, float]:
        """Seconds of each section of a step; without assignment and loss unless `learns`."""
        times = [clock(self.device)]
        levels = self.network(self.images)
        times.append(clock(self.device))
        leaves = [RawLevel(*(part.detach().requires_grad_() for part in level)) for level in levels]
        if learns:
            with torch.no_grad():
                maps = flat_maps(leaves, self.network.strides)
                assignment = AlignOTA()(maps.predictions(), maps.priors, self.targets)
                del maps
            times.append(clock(self.device))
            maps = flat_maps(leaves, self.network.strides)
            parts = assigned_loss(maps, self.targets, assignment, LossWeights(), lambda each: each)
            times.append(clock(self.device))
            sum(parts.values(), torch.zeros((), device=self.device)).backward()  # type: ignore[no-untyped-call]
            del maps, parts
        else:
            times += [times[-1]] * 2
            for leaf in flat(leaves):
                leaf.grad = torch.full_like(leaf, 1e-6)
        times.append(clock(self.device))
        torch.autograd.backward(flat(levels), [leaf.grad for leaf in flat(leaves)])
        times.append(clock(self.device))
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        times.append(clock(self.device))
        return {
            name: after - before
            for name, before, after in zip(SECTIONS, times, times[1:], strict=False)
        }


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("--model", choices=template_names(), default="s", help="scale")
    parser.add_argument("--classes", type=positive, default=701, help="number of classes")
    parser.add_argument("--batch", type=positive, default=8, help="images in a step")
    parser.add_argument("--runs", type=positive, default=3, help="number of timed steps")
    parser.add_argument("--compute", default="cpu", help="cpu, cuda:0 or auto")
    arguments = parser.parse_args()
    device = str(find_device(arguments.compute))
    given = (arguments.model, arguments.classes, arguments.batch, device)
    seconds = in_process(times_of, (*given, arguments.runs))
    learned, plain = (in_process(peak_of, (*given, learns)) for learns in (True, False))
    step = sum(seconds.values())
    ours = sum(seconds[name] for name in OURS)
    extra, threads = learned - plain, torch.get_num_threads()
    print(
        f"assignment, loss and their backward pass: {1e3 * ours:,.0f} ms of a step of {step:.3f} "
        f"s, {100 * ours / step:.2f} % (at most {MAX_SHARE}); extra memory {extra:,.0f} MB (at "
        f"most {MAX_EXTRA_MB:,}) of {learned:,.0f} MB; damo-yolo-{arguments.model}, "
        f"{arguments.classes} classes, batch {arguments.batch}, {threads} threads, "
        f"{device}, {machine()}"
    )
    row = {
        "model": f"damo-yolo-{arguments.model}",
        "classes": arguments.classes,
        "batch": arguments.batch,
        "compute": device,
        "threads": threads,
        **{f"{name}_ms": round(1e3 * value, 1) for name, value in seconds.items()},
        "share_percent": round(100 * ours / step, 2),
        "extra_megabytes": round(extra),
        "peak_megabytes": round(learned),
        "runs": arguments.runs,
        "commit": commit(),
    }
    print(write_csv("many-classes", [row], list(row)))


def in_process(function: Callable[..., Result], arguments: Sequence[object]) -> Result:
    """The result of a function in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as process:
        return process.apply(function, arguments)


def times_of(model: str, classes: int, batch: int, compute: str, runs: int) -> dict[str, float]:
    """Median seconds of each section; a first step warms up."""
    keep_freed_memory()
    steps = Steps(model, classes, batch, torch.device(compute))
    steps.taken()
    rows = [steps.taken() for _ in range(runs)]
    return {name: median(row[name] for row in rows) for name in SECTIONS}


def peak_of(model: str, classes: int, batch: int, compute: str, learns: bool) -> float:
    """Peak memory of two steps in MB."""
    device = torch.device(compute)
    now_megabytes(device)
    steps = Steps(model, classes, batch, device)
    for _ in range(2):
        steps.taken(learns)
    return peak_megabytes(device)


def flat(levels: Sequence[RawLevel]) -> list[Tensor]:
    """The maps of all levels."""
    return [part for level in levels for part in level]


def objects(batch: int, classes: int, side: int, device: torch.device) -> Targets:
    """Random objects with sides of 8 to 200 pixels, and a mask of half of the classes."""
    draw = torch.Generator().manual_seed(0)
    boxes, labels = [], []
    for _ in range(batch):
        middle = torch.rand(OBJECTS, 2, generator=draw) * side
        half = 4 * 25 ** torch.rand(OBJECTS, 2, generator=draw)
        boxes.append(torch.cat((middle - half, middle + half), dim=1).to(device))
        labels.append(torch.randint(classes, (OBJECTS,), generator=draw).to(device))
    annotated = torch.rand(batch, classes, generator=draw) < 0.5
    return padded_targets(boxes, labels)._replace(annotated=annotated.to(device))


if __name__ == "__main__":
    run_main(main)
