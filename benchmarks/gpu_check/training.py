"""Section: the same training in fp16, bf16 and f32, with one overflow that fp16 has to survive."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu_check.report import Part
from benchmarks.gpu_check.trainings import drawn_data, training_of
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.train import StepResult, train

STEPS = 32
BAD = 3  # step of fp16 whose gradient is made infinite
SIDE, BATCH = 320, 8


class Overflows(DetectorNetwork):
    """A network whose gradient is infinite in one forward pass."""

    passes = 0
    bad = -1

    def forward(self, images: Tensor) -> Any:
        """See `DetectorNetwork`."""
        levels = super().forward(images)
        if self.training:
            if self.passes == self.bad:
                hook: Any = levels[0].scores.register_hook
                hook(lambda grad: grad * float("inf"))
            self.passes += 1
        return levels


def run(part: Part, fake: bool) -> None:
    """See the module."""
    side, batch, steps = (64, 2, 6) if fake else (SIDE, BATCH, STEPS)
    with tempfile.TemporaryDirectory() as name:
        data = drawn_data(Path(name), images=2 * batch, side=side)
        losses: dict[str, list[float]] = {}
        for amp in ("off", "bf16", "fp16"):
            folder = Path(name) / amp
            found = _trained(folder, data, amp, (side, batch, steps))
            losses[amp] = found["loss"]
            part.tell(amp, found, f"{amp}: loss {found['loss'][0]:.3f} -> {found['loss'][-1]:.3f}")
    skipped = [number for number, taken in enumerate(part.result["fp16"]["taken"]) if not taken]
    part.tell("fp16_skipped_steps", skipped)
    part.tell("fp16_survives_its_overflow", BAD in skipped and part.result["fp16"]["finite"])
    late = {amp: sum(told[-3:]) / 3 for amp, told in losses.items()}
    part.tell("last_losses", late)


def _trained(folder: Path, data: Path, amp: str, sizes: tuple[int, int, int]) -> dict[str, Any]:
    side, batch, steps = sizes
    training = training_of("ns", data, folder, side, batch, steps, amp=amp, workers=0)
    torch.manual_seed(0)
    network = Overflows(training.folder.spec)
    network.bad = BAD if amp == "fp16" else -1
    events = train(replace(training, network=network))
    seen = [event for event in events if isinstance(event, StepResult)][:steps]
    return {
        "loss": [sum(step.parts.values()) for step in seen],
        "norm": [step.norm for step in seen],
        "taken": [step.taken for step in seen],
        "seconds": [step.seconds for step in seen],
        "finite": all(bool(value.isfinite().all()) for value in network.state_dict().values())
        and isfinite(sum(seen[-1].parts.values())),
    }
