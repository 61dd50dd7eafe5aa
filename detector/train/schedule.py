"""The learning rate of every step: quadratic warm-up, cosine, and a constant tail."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi

from maenas.blocks.errors import SpecError

MOST_WARMUP = 0.1  # share of a training; a short one needs steps after the warm-up
MOST_PLAIN = 0.25  # share of a training


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleOptions:
    """The phases of a training.

    Attributes:
        warmup_epochs: epochs in which the learning rate rises; at most a tenth of the training.
        plain_epochs: last epochs, without mosaic and mixup and at the lowest learning rate; at
            most a quarter of the training.
        floor: lowest learning rate after the warm-up, as a share of the peak.
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
        """Number of epochs without mosaic and mixup in a training of `epochs` epochs."""
        return min(self.plain_epochs, int(MOST_PLAIN * epochs))

    def over(self, epochs: int, steps_per_epoch: int, lr: float) -> Schedule:
        """The schedule of a training whose peak learning rate is `lr`."""
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
    """The learning rate of each step.

    Attributes:
        lr: peak learning rate.
        floor: lowest learning rate after the warm-up.
        warmup: number of warm-up steps.
        plain: number of last steps, which have the lowest learning rate.
        total: number of steps of the training.

    Source: the code of DAMO-YOLO, which follows YOLOX (https://arxiv.org/abs/2107.08430).
    """

    lr: float
    floor: float
    warmup: int
    plain: int
    total: int

    def at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        if step < self.warmup:
            return self.lr * (step / self.warmup) ** 2
        end = self.total - self.plain
        if step >= end:
            return self.floor
        share = (step - self.warmup) / (end - self.warmup)
        return self.floor + 0.5 * (self.lr - self.floor) * (1 + cos(pi * share))
