"""What distillation costs a training step beside the teacher's forward pass.

    python -m benchmarks.bench_distill_overhead [--side 320] [--batch 4] [--runs 10] [--threads 1]

Times a step of damo-yolo-t (forward, assignment, loss, backward, optimizer) on random images with
ten objects each: alone, and with damo-yolo-s as teacher by each method. The forward pass of the
teacher is timed separately. Each program runs in its own process and they take turns. Prints the
median over turns of the additional time of a step, minus the teacher's forward pass, as a share
of the step alone; the limit is 10 %. Memory is the peak of the process, and its increase over the
step alone.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.entry import Parser, positive, run_main
from benchmarks.machine import commit, machine, write_csv
from maenas.blocks import load_backbone
from maenas.detector import load_template
from maenas.detector.assign import padded_targets
from maenas.detector.distill import FEATURE_LOSSES, DistillOptions, Teacher, teaching
from maenas.detector.losses import detection_loss
from maenas.detector.model.spec import DetectorSpec, assemble
from maenas.detector.train import Learner, published_recipe

OBJECTS = 10
MOST = 0.1  # largest allowed share of the step
PROGRAMS = ("alone", "teacher", *FEATURE_LOSSES)


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("--side", type=positive, default=320, help="side of an image in pixels")
    parser.add_argument("--batch", type=positive, default=4, help="images in a step")
    parser.add_argument("--runs", type=positive, default=10, help="number of turns")
    parser.add_argument("--threads", type=positive, default=1, help="number of CPU threads")
    parser.add_argument("--program", choices=PROGRAMS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.program is not None:
        take_turns(arguments.program, arguments.side, arguments.batch, arguments.threads)
        return
    seconds, memory = race(arguments)
    rows = []
    for method in FEATURE_LOSSES:
        turns = zip(seconds[method], seconds["alone"], seconds["teacher"], strict=True)
        share = statistics.median(
            (taught - alone - there) / alone for taught, alone, there in turns
        )
        more = memory[method] - memory["alone"]
        print(
            f"{method}: {share:.1%} of the step besides the teacher's pass (at most {MOST:.0%}); "
            f"alone {statistics.median(seconds['alone']):.2f} s, the pass "
            f"{statistics.median(seconds['teacher']):.2f} s, taught "
            f"{statistics.median(seconds[method]):.2f} s; {memory[method] / 1e9:.2f} GB, "
            f"{more / 1e9:+.2f} ({arguments.batch} images at {arguments.side}, "
            f"{arguments.runs} turns, {arguments.threads} threads, {machine()})"
        )
        rows.append(
            {
                "method": method,
                "side": arguments.side,
                "batch": arguments.batch,
                "threads": arguments.threads,
                "alone_ms": round(1e3 * statistics.median(seconds["alone"]), 1),
                "teacher_ms": round(1e3 * statistics.median(seconds["teacher"]), 1),
                "taught_ms": round(1e3 * statistics.median(seconds[method]), 1),
                "overhead": round(share, 4),
                "alone_gb": round(memory["alone"] / 1e9, 3),
                "taught_gb": round(memory[method] / 1e9, 3),
                "runs": arguments.runs,
                "commit": commit(),
            }
        )
    print(write_csv("distill-overhead", rows, list(rows[0])))


def race(arguments: argparse.Namespace) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Processor seconds of each step by program, and peak memory by program in bytes."""
    words = [f"--{name}={getattr(arguments, name)}" for name in ("side", "batch", "threads")]
    command = [sys.executable, "-m", "benchmarks.bench_distill_overhead", *words]
    processes = {
        name: subprocess.Popen(
            [*command, f"--program={name}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in PROGRAMS
    }
    seconds: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    memory: dict[str, float] = {}
    for turn in range(1 + arguments.runs):
        for name, process in processes.items():
            assert process.stdin
            assert process.stdout
            process.stdin.write("\n")
            process.stdin.flush()
            took, memory[name] = json.loads(process.stdout.readline())
            if turn:  # the first turn warms up caches
                seconds[name].append(took)
    for process in processes.values():
        process.communicate()
    return seconds, memory


def take_turns(program: str, side: int, batch: int, threads: int) -> None:
    """Run a step for every line on stdin, and print its processor time and the peak memory."""
    torch.set_num_threads(threads)
    step = step_of(program, side, batch)
    for _ in sys.stdin:
        started = time.process_time()
        step()
        took = time.process_time() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps([took, peak]), flush=True)


def step_of(program: str, side: int, batch: int) -> Callable[[], object]:
    """The function that a program runs in its turn."""
    torch.manual_seed(0)
    layout, recipe = torch.channels_last, published_recipe("t")
    images = (255 * torch.rand(batch, 3, side, side)).contiguous(memory_format=layout)
    corners = torch.rand(batch, OBJECTS, 2) * side * 0.6
    boxes = torch.cat((corners, corners + 16 + torch.rand(batch, OBJECTS, 2) * side * 0.3), dim=2)
    targets = padded_targets(list(boxes), list(torch.randint(80, (batch, OBJECTS))))
    lessons = None
    if program != "alone":
        spec = published("s")
        teacher = Teacher(spec, spec.build().state_dict(), "damo-yolo-s")
        teacher.to(torch.device("cpu"), layout)
        method = "cwd" if program == "teacher" else program
        lessons = teaching(teacher, published("t"), DistillOptions(method=method))  # type: ignore[arg-type]
    if program == "teacher":
        assert lessons is not None
        return lambda: lessons.teacher_maps(images, None)
    learner = Learner(published("t").build(), lessons).train()
    learner.network.to(memory_format=layout)
    optimizer = recipe.optimizer.build(learner)

    def step() -> None:
        teacher_maps: list[Tensor] = [] if lessons is None else lessons.teacher_maps(images, None)
        levels, feature = learner(images, teacher_maps)
        loss = torch.stack(list(detection_loss(levels, targets, recipe.assigner).values())).sum()
        if feature is not None:
            loss = loss + 0.5 * feature
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def published(scale: str) -> DetectorSpec:
    """A published detector with random weights."""
    return assemble(load_backbone(f"zoo:damo-yolo-{scale}"), load_template(scale))


if __name__ == "__main__":
    run_main(main)
