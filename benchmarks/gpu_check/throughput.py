"""Section: images a second of S at 640 in training, the wait for data, and memory."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import isfinite
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.gpu_check.machine import clocks
from benchmarks.gpu_check.report import Part, Skip
from benchmarks.gpu_check.trainings import drawn_data, training_of
from maenas.detector.train import StepResult, fitting_batch, published_recipe, train
from maenas.training.cores import usual_workers
from tests.golden import spec_of

MOST_BATCH = 32  # a batch of mosaics takes a worker seconds
WARM_UP = 4  # least number of steps before the measured ones, in which cuDNN chooses algorithms
MOST_STEPS = 64
MEASURED_S = 25.0  # seconds of measured steps, in which any recent GPU takes several
SPARE_S = 10.0  # seconds that the section keeps to end the loader and to write its results
QUEUED = 2  # batches that the loader keeps ready for each worker
SHARED = Path("/dev/shm")  # where workers leave their batches


def run(part: Part, fake: bool) -> None:
    """See the module."""
    workers = 0 if fake else usual_workers(1)
    most, side, largest = (WARM_UP + 2, 64, 2) if fake else (MOST_STEPS, 640, MOST_BATCH)
    batch = min(largest, fitting(side))
    require_shared_memory(workers, batch * 3 * side**2)
    part.tell("fitting_batch", batch, f"{batch} images fit, of at most {largest}")
    with tempfile.TemporaryDirectory() as name:
        data = drawn_data(Path(name), batch * most, side)
        training = training_of("s", data, Path(name) / "run", side, batch, most, workers=workers)
        torch.cuda.reset_peak_memory_stats()
        warm_up = warm_up_of(workers)
        steps = timed_steps(training, most, part, warm_up)
    part.tell("training", {**rates(steps, warm_up), "side": side, "workers": workers})
    require_measured(part, steps, warm_up)


def warm_up_of(workers: int) -> int:
    """Steps before the measured ones; they use up what the loader made while the first one ran."""
    return max(WARM_UP, QUEUED * workers)


def require_shared_memory(workers: int, batch_bytes: int) -> None:
    """Raise `Skip` if the batches that wait for the training need more shared memory than is free.

    Docker gives 64 MB, in which a worker dies.
    """
    needed = QUEUED * workers * batch_bytes
    if workers and SHARED.is_dir() and needed > shutil.disk_usage(SHARED).free:
        raise Skip(f"{SHARED} needs {needed >> 20} MB free; docker run --shm-size=4g gives more")


def fitting(side: int) -> int:
    """The batch size that `maenas train` chooses for the free memory."""
    spec = spec_of("s")
    spec = replace(spec, backbone=replace(spec.backbone, in_shape=(3, side, side)))
    device = torch.device("cuda", 0)
    return fitting_batch(spec.build().to(device), (side, side), published_recipe("s"), device)


def timed_steps(training: Any, most: int, part: Part, warm_up: int) -> list[StepResult]:
    """The steps of a training until there are enough, or their time is over.

    The rates so far are kept after every step, for a section that is killed.
    """
    seen: list[StepResult] = []
    started = 0.0
    beside = ThreadPoolExecutor(1)
    for event in train(training):
        if not isinstance(event, StepResult):
            continue
        seen.append(event)
        if len(seen) == warm_up:
            started = time.monotonic()
            asked = beside.submit(clocks)  # of a GPU that trains meanwhile
        part.tell("training", rates(seen, warm_up), f"step {len(seen)}: {event.seconds:.2f} s")
        is_over = len(seen) > warm_up and time.monotonic() - started > MEASURED_S
        if len(seen) >= most or is_over or part.left_s < SPARE_S + event.seconds:
            break
    if len(seen) >= warm_up:
        part.tell("clocks", asked.result(), "clocks read during work")
    beside.shutdown()
    return seen


def rates(steps: Sequence[StepResult], warm_up: int) -> dict[str, Any]:
    """Images a second after the warm-up, the share of time that waits for images, and memory."""
    told = steps[warm_up:] or steps[-1:]
    seconds = sum(step.seconds for step in told)
    alone = median((step.seconds - step.waited) / step.images for step in told)
    return {
        "batch": max(step.images for step in steps),
        "measured_steps": len(steps[warm_up:]),
        "images_per_s": sum(step.images for step in told) / seconds,
        "images_per_s_without_wait": 1 / max(alone, 1e-9),
        "wait_share": sum(step.waited for step in told) / seconds,
        "memory_gib": torch.cuda.max_memory_allocated() / 2**30,
        "step_s": [step.seconds for step in steps],
    }


def require_measured(part: Part, steps: Sequence[StepResult], warm_up: int) -> None:
    """Note it if no step was measured, or a loss is not finite."""
    measured = len(steps[warm_up:])
    part.require(measured > 0, f"steps after the {warm_up} of the warm-up must be timed, got none")
    losses = [sum(step.parts.values()) for step in steps]
    part.require(all(map(isfinite, losses)), f"the loss of every step must be finite, got {losses}")
