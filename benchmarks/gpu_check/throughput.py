"""Section: images a second of S at 640 in training, the wait for data, and memory."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.gpu_check.machine import clocks
from benchmarks.gpu_check.report import Part
from benchmarks.gpu_check.trainings import drawn_data, training_of
from maenas.detector.train import StepResult, train

BATCHES = (64, 32, 16, 8)  # tried until one fits into memory
STEPS, WARM_UP = 24, 8
MOST_WORKERS = 16


def run(part: Part, fake: bool) -> None:
    """See the module."""
    workers = 0 if fake else min(MOST_WORKERS, max(1, (os.cpu_count() or 2) - 1))
    batches = (2,) if fake else BATCHES
    steps, side = (3, 64) if fake else (STEPS, 640)
    with tempfile.TemporaryDirectory() as name:
        data = drawn_data(Path(name), batches[0] * steps, side)
        for batch in batches:
            try:
                found = _measured(Path(name) / "run", data, (side, batch, steps), workers, part)
            except torch.cuda.OutOfMemoryError:
                torch.cuda.empty_cache()
                part.say(f"batch {batch} does not fit into memory")
                continue
            part.tell("training", found)
            part.tell("clocks", clocks(), "clocks read after work")
            return
    raise RuntimeError(f"not even {batches[-1]} images fit into the GPU's memory")


def _measured(
    folder: Path, data: Path, sizes: tuple[int, int, int], workers: int, part: Part
) -> dict[str, Any]:
    side, batch, steps = sizes
    training = training_of("s", data, folder, side, batch, steps, workers=workers)
    torch.cuda.reset_peak_memory_stats()
    seen: list[StepResult] = []
    for event in train(training):
        if isinstance(event, StepResult):
            seen.append(event)
            if len(seen) % 8 == 0:
                part.say(f"batch {batch}: {len(seen)} steps, {event.seconds:.2f} s a step")
        if len(seen) == steps:
            break
    told = seen[min(WARM_UP, len(seen) // 2) :]
    seconds = sum(step.seconds for step in told)
    return {
        "batch": batch,
        "side": side,
        "workers": workers,
        "images_per_s": sum(step.images for step in told) / seconds,
        "images_per_s_without_wait": batch
        / max(median(step.seconds - step.waited for step in told), 1e-9),
        "wait_share": sum(step.waited for step in told) / seconds,
        "memory_gib": torch.cuda.max_memory_allocated() / 2**30,
        "step_s": [step.seconds for step in seen],
    }
