"""The learning rate of every step: quadratic warm-up, cosine, and a constant tail.

A training has three last phases that coincide in the 300 epochs as published: no mosaic, the lowest
learning rate, no teacher. A short training cannot give each 16 epochs. Mosaic makes images that no
detector will see, and a short training must learn for long enough from those that it will see, so
mosaic ends at half of it; the learning rate reaches its floor much later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import cos, pi

from maenas.blocks.errors import SpecError

MOST_WARMUP = 0.1  # share of a training; a short one needs steps after the warm-up
MOST_PLAIN = 0.5  # share of a training
MOST_LAST = 0.25  # share of a training
MOST_FLOOR = 1 / 16  # share of a training


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleOptions:
    """The phases of a training.

    Attributes:
        warmup_epochs: epochs in which the learning rate rises; at most a tenth of the training.
        plain_epochs: last epochs, without mosaic and mixup; at most half of the training. The
            learning rate is lowest in them, but in at most a sixteenth of the training.
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

    def last_epochs_of(self, epochs: int) -> int:
        """Number of epochs at the end that are all evaluated and have no teacher."""
        return min(self.plain_epochs, int(MOST_LAST * epochs))

    def finished_epochs(
        self, epochs: int, patience: int, rows: Sequence[Mapping[str, float]]
    ) -> int:
        """Number of epochs that count as finished after the last of these rows.

        It is the number of that epoch, unless the AP has not risen for `patience` epochs. The
        training then continues with its plain epochs, because they bring a gain of their own:
        mosaic ends and the learning rate falls. If that happens again in these, it ends. Epochs
        before the first AP above 0 do not count: a detector from random weights starts with some.

        Args:
            epochs: number of epochs of the training.
            patience: number of epochs without a better AP.
            rows: rows of the epochs so far, at least one; those evaluated have an AP.
        """
        now = int(rows[-1]["epoch"])
        if "ap" not in rows[-1]:
            return now
        first_plain = epochs - self.plain_epochs_of(epochs)
        best = max((row for row in rows if "ap" in row), key=lambda row: row["ap"])
        if best["ap"] <= 0:
            return now
        is_plain = now > first_plain
        since = max(best["epoch"], first_plain) if is_plain else best["epoch"]
        if now - since < patience:
            return now
        return epochs if is_plain else first_plain

    def over(self, epochs: int, steps_per_epoch: int, lr: float) -> Schedule:
        """The schedule of a training whose peak learning rate is `lr`."""
        total = epochs * steps_per_epoch
        return Schedule(
            lr=lr,
            floor=self.floor * lr,
            warmup=min(round(self.warmup_epochs * steps_per_epoch), int(MOST_WARMUP * total)),
            tail=min(self.plain_epochs * steps_per_epoch, int(MOST_FLOOR * total)),
            total=total,
        )


@dataclass(frozen=True, slots=True)
class Schedule:
    """The learning rate of each step.

    Attributes:
        lr: peak learning rate.
        floor: lowest learning rate after the warm-up.
        warmup: number of warm-up steps.
        tail: number of last steps, which have the lowest learning rate.
        total: number of steps of the training.

    Source: the code of DAMO-YOLO, which follows YOLOX (https://arxiv.org/abs/2107.08430).
    """

    lr: float
    floor: float
    warmup: int
    tail: int
    total: int

    def at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        if step < self.warmup:
            return self.lr * (step / self.warmup) ** 2
        end = self.total - self.tail
        if step >= end:
            return self.floor
        share = (step - self.warmup) / (end - self.warmup)
        return self.floor + 0.5 * (self.lr - self.floor) * (1 + cos(pi * share))
