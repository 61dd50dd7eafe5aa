"""Section: images a second of S at 640 in training, the wait for data, and memory."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.gpu_check.machine import clocks
from benchmarks.gpu_check.report import Part
from benchmarks.gpu_check.trainings import drawn_data, training_of
from maenas.detector.train import StepResult, fitting_batch, published_recipe, train
from maenas.training.cores import cores
from tests.golden import spec_of

MOST_BATCH = 64
WARM_UP = 4  # steps in which cuDNN searches for algorithms and the loader fills its queue
MOST_STEPS = 48
MEASURED_S = 25.0  # seconds of measured steps, in which any recent GPU takes several
SPARE_S = 10.0  # seconds that the section keeps to end the loader and to write its results
MOST_WORKERS = 16


def run(part: Part, fake: bool) -> None:
    """See the module."""
    workers = 0 if fake else min(MOST_WORKERS, max(1, cores() - 1))
    most, side, largest = (WARM_UP + 2, 64, 2) if fake else (MOST_STEPS, 640, MOST_BATCH)
    batch = min(largest, fitting(side))
    part.tell("fitting_batch", batch, f"{batch} images fit, of at most {largest}")
    with tempfile.TemporaryDirectory() as name:
        data = drawn_data(Path(name), batch * most, side)
        training = training_of("s", data, Path(name) / "run", side, batch, most, workers=workers)
        torch.cuda.reset_peak_memory_stats()
        steps = timed_steps(training, most, part)
    part.tell("training", {**rates(steps), "side": side, "workers": workers})
    part.tell("clocks", clocks(), "clocks read after work")
    require_measured(part, steps)


def fitting(side: int) -> int:
    """The batch size that `maenas train` chooses for the free memory."""
    spec = spec_of("s")
    spec = replace(spec, backbone=replace(spec.backbone, in_shape=(3, side, side)))
    device = torch.device("cuda", 0)
    return fitting_batch(spec.build().to(device), (side, side), published_recipe("s"), device)


def timed_steps(training: Any, most: int, part: Part) -> list[StepResult]:
    """The steps of a training until there are enough, or their time is over.

    The rates so far are kept after every step, for a section that is killed.
    """
    seen: list[StepResult] = []
    started = 0.0
    for event in train(training):
        if not isinstance(event, StepResult):
            continue
        seen.append(event)
        if len(seen) == WARM_UP:
            started = time.monotonic()
        part.tell("training", rates(seen), f"step {len(seen)}: {event.seconds:.2f} s")
        is_over = len(seen) > WARM_UP and time.monotonic() - started > MEASURED_S
        if len(seen) >= most or is_over or part.left_s < SPARE_S + event.seconds:
            break
    return seen


def rates(steps: Sequence[StepResult]) -> dict[str, Any]:
    """Images a second after the warm-up, the share of time that waits for images, and memory."""
    told = steps[WARM_UP:] or steps[-1:]
    seconds = sum(step.seconds for step in told)
    alone = median((step.seconds - step.waited) / step.images for step in told)
    return {
        "batch": max(step.images for step in steps),
        "measured_steps": len(steps[WARM_UP:]),
        "images_per_s": sum(step.images for step in told) / seconds,
        "images_per_s_without_wait": 1 / max(alone, 1e-9),
        "wait_share": sum(step.waited for step in told) / seconds,
        "memory_gib": torch.cuda.max_memory_allocated() / 2**30,
        "step_s": [step.seconds for step in steps],
    }


def require_measured(part: Part, steps: Sequence[StepResult]) -> None:
    """Note it if no step was measured, or a loss is not finite."""
    measured = len(steps[WARM_UP:])
    part.require(measured > 0, f"steps after the {WARM_UP} of the warm-up must be timed, got none")
    losses = [sum(step.parts.values()) for step in steps]
    part.require(all(map(isfinite, losses)), f"the loss of every step must be finite, got {losses}")
