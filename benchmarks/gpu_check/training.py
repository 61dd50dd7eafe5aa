"""Section: one training in fp16, bf16 and f32; fp16 has to survive overflows, even of SGD's first.

A fused SGD whose first step is skipped by the loss scaler keeps uninitialised momentum.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu_check.machine import has_bf16
from benchmarks.gpu_check.report import Part
from benchmarks.gpu_check.trainings import KeptBatches, drawn_data, training_of
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.train import StepResult, Training, train
from maenas.detector.train.state import load_state
from maenas.training.cores import usual_workers

STEPS, SGD_STEPS = 32, 12
SGD_MODEL = "t"  # its recipe has SGD, that of Ns AdamW
BAD = 3  # step of fp16 whose gradient is made infinite
LAST = 3  # steps whose mean loss ends a comparison
SIDE, BATCH = 320, 8
# Largest difference of a loss from the one in 32 bits, relative: of the first step, which has the
# same weights and images, and of the last ones, when rounding has led the weights apart. A CPU in
# bf16 differs by 4.8 % at first, on two images of 64 pixels.
FIRST, LATE = 0.1, 0.3


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
    found: dict[str, dict[str, Any]] = {}
    loader: KeptBatches | None = None
    with tempfile.TemporaryDirectory() as name:
        data = drawn_data(Path(name), images=2 * batch, side=side)
        for amp in ("off", "bf16", "fp16") if has_bf16() else ("off", "fp16"):
            training = training_of("ns", data, Path(name) / amp, side, batch, steps, amp=amp)
            loader = loader or loaded(training, fake)
            training = replace(training, loader=loader)
            found[amp] = told = trained(training, steps, BAD if amp == "fp16" else -1)
            part.tell(amp, told, f"{amp}: loss {told['loss'][0]:.3f} -> {told['loss'][-1]:.3f}")
        few = steps if fake else SGD_STEPS
        folder = Path(name) / "sgd"
        training = training_of(SGD_MODEL, data, folder, side, batch, few, amp="fp16")
        training = replace(training, loader=loaded(training, fake))
        sgd = first_overflow(training, few)
        part.tell("sgd_fp16", sgd)
    part.tell("losses", beside_each_other(found))
    require_sound(part, found)
    require_sound_momentum(part, sgd)


def loaded(training: Training, fake: bool) -> KeptBatches:
    """The loader of a training, with the workers of `maenas train`; it keeps its batches."""
    loader = training.loader
    return KeptBatches(loader.dataset, loader.options, 0 if fake else usual_workers(1))


def first_overflow(training: Training, steps: int) -> dict[str, Any]:
    """Train with an overflow in the first step, and read the optimizer's saved state."""
    told = trained(training, steps, bad=0)
    saved = load_state(training.folder.state_file).optimizer["state"].values()
    momentum = [float(one["momentum_buffer"].abs().max()) for one in saved]
    return told | {
        "optimizer": training.recipe.optimizer.name,
        "momentum_max": max(momentum, default=0.0),
        "momentum_finite": all(map(isfinite, momentum)),
    }


def require_sound_momentum(part: Part, sgd: Mapping[str, Any]) -> None:
    """Note it if an overflow in the first step is not skipped, or leaves anything in the momentum.

    A momentum is a sum of gradients, so no element is larger than the sum of their norms.
    """
    skipped = _skipped(sgd)
    part.require(0 in skipped, f"SGD in fp16: step 0 must be skipped, not {skipped}")
    norms = [norm for norm, taken in zip(sgd["norm"], sgd["taken"], strict=True) if taken]
    part.require(bool(norms), "SGD in fp16: a step after the overflow must be taken")
    part.require(sgd["finite"], "SGD in fp16: loss and weights must be finite after the last step")
    most, largest = sum(norms) + 1, sgd["momentum_max"]  # 1 for the decay of weights
    part.require(
        sgd["momentum_finite"] and largest <= most,
        f"SGD in fp16: momentum must be at most {most:.3g} after the overflow, got {largest:.3g}",
    )


def beside_each_other(found: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """First and last loss of each precision, and their differences from 32 bits."""
    rows = {}
    first, late = _ends(found["off"])
    for amp, told in found.items():
        its_first, its_late = _ends(told)
        rows[amp] = {
            "first": its_first,
            "last": its_late,
            "first_difference": abs(its_first / first - 1),
            "last_difference": abs(its_late / late - 1),
        }
    return rows


def require_sound(part: Part, found: Mapping[str, Mapping[str, Any]]) -> None:
    """Note what a precision misses: finite numbers, the losses of 32 bits, one overflow survived.

    A step that is not taken has a loss, and a gradient that is not finite.
    """
    for amp, told in found.items():
        part.require(told["finite"], f"{amp}: loss and weights must be finite after the last step")
    for amp, row in beside_each_other(found).items():
        for when, limit in (("first", FIRST), ("last", LATE)):
            difference = row[f"{when}_difference"]
            part.require(
                difference <= limit,
                f"{amp}: the {when} loss must be that of 32 bits within {limit:.0%}, got "
                f"{row[when]:.4g}, {difference:.0%} away",
            )
    skipped = {amp: _skipped(told) for amp, told in found.items()}
    part.tell("skipped_steps", skipped)
    part.require(
        BAD in skipped["fp16"],
        f"fp16: step {BAD}, whose gradient is infinite, must be skipped, not {skipped['fp16']}",
    )
    last = len(found["fp16"]["taken"]) - 1
    part.require(
        last not in skipped["fp16"],
        f"fp16: steps after the overflow must be taken, but the last one, {last}, is skipped",
    )
    for amp in set(found) - {"fp16"}:
        part.require(not skipped[amp], f"{amp}: every step must be taken, not {skipped[amp]}")


def _skipped(told: Mapping[str, Any]) -> list[int]:
    return [number for number, taken in enumerate(told["taken"]) if not taken]


def _ends(told: Mapping[str, Any]) -> tuple[float, float]:
    """Loss of the first step, and mean loss of the last ones."""
    return told["loss"][0], sum(told["loss"][-LAST:]) / LAST


def trained(training: Training, steps: int, bad: int) -> dict[str, Any]:
    """Train, with an infinite gradient in the step `bad`."""
    torch.manual_seed(0)
    network = Overflows(training.folder.spec)
    network.bad = bad
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
