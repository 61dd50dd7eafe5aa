"""The learning rate of every step: quadratic warm-up, cosine, and a constant tail."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi

from maenas.blocks.errors import SpecError

MOST_WARMUP = 0.1  # of a training; a short one would be over before its rate has risen
MOST_PLAIN = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleOptions:
    """The phases of a training.

    Attributes:
        warmup_epochs: the rate rises; at most a tenth of the training.
        plain_epochs: at the end, without mosaic and mixup and at the lowest rate; at most a
            quarter of the training.
        floor: lowest rate after the warm-up, as a share of the highest.
    """

    warmup_epochs: float = 5.0
    plain_epochs: int = 16
    floor: float = 0.05

    def __post_init__(self) -> None:
        if self.warmup_epochs < 0 or self.plain_epochs < 0:
            raise SpecError("schedule: warmup_epochs and plain_epochs must be 0 or more.")
        if not 0 <= self.floor <= 1:
            raise SpecError(f"schedule: floor must be 0..1, got {self.floor}.")

    def plain_epochs_of(self, epochs: int) -> int:
        """Epochs without mosaics of a training of so many."""
        return min(self.plain_epochs, int(MOST_PLAIN * epochs))

    def over(self, epochs: int, steps_per_epoch: int, lr: float) -> Schedule:
        """The schedule of a training with `lr` as its highest rate."""
        total = epochs * steps_per_epoch
        return Schedule(
            lr=lr,
            floor=self.floor * lr,
            warmup=min(round(self.warmup_epochs * steps_per_epoch), int(MOST_WARMUP * total)),
            plain=self.plain_epochs_of(epochs) * steps_per_epoch,
            total=total,
        )


@dataclass(frozen=True, slots=True)
class Schedule:
    """Rates by step.

    Attributes:
        lr: highest rate.
        floor: lowest after the warm-up.
        warmup: steps of rising.
        plain: steps at the floor, at the end.
        total: steps of the training.

    Source: the code of DAMO-YOLO, which has it of YOLOX (https://arxiv.org/abs/2107.08430).
    """

    lr: float
    floor: float
    warmup: int
    plain: int
    total: int

    def at(self, step: int) -> float:
        """The rate of a step, counted from 0."""
        if step < self.warmup:
            return self.lr * (step / self.warmup) ** 2
        end = self.total - self.plain
        if step >= end:
            return self.floor
        share = (step - self.warmup) / (end - self.warmup)
        return self.floor + 0.5 * (self.lr - self.floor) * (1 + cos(pi * share))
