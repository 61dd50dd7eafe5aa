"""What a recipe says about distillation."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi
from typing import Literal

from maenas.blocks.errors import SpecError

Method = Literal["cwd", "mgd", "mimic"]
LEVELS = (3, 4, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillOptions:
    """How a detector learns from a teacher.

    Attributes:
        method: "cwd", or its rivals "mgd" and "mimic".
        weight: of the feature loss beside the detector's own, in the beginning.
        last_weight: share of it that is left when the teacher leaves; a cosine leads there.
        epochs: with the teacher; None for all but the plain ones at the end, without mosaics.
        features: whose maps are compared, the "neck"'s as published or the "backbone"'s.
        levels: which of them, 3 to 5 for strides 8 to 32.
        clip_norm: longest gradient of the detector while there is a teacher; None for any.
        amp: numbers the teacher computes in, as `compute.amp` has them for the student.

    Source: weight, cosine and stages are the report's (https://arxiv.org/abs/2211.15444, section
    2.5). DAMO-YOLO's code has weight 1 and keeps the teacher to the end: `weight: 1, epochs: 300`.
    """

    method: Method = "cwd"
    weight: float = 0.5
    last_weight: float = 0.1
    epochs: int | None = None
    features: Literal["neck", "backbone"] = "neck"
    levels: tuple[int, ...] = LEVELS
    clip_norm: float | None = 30.0
    amp: Literal["auto", "off", "bf16", "fp16"] = "auto"

    def __post_init__(self) -> None:
        if self.weight <= 0:
            raise SpecError(f"distill: weight must be above 0, got {self.weight}.")
        if not 0 <= self.last_weight <= 1:
            raise SpecError(f"distill: last_weight must be 0..1, got {self.last_weight}.")
        if self.epochs is not None and self.epochs < 1:
            raise SpecError(f"distill: epochs must be at least 1, got {self.epochs}.")
        if not self.levels or list(self.levels) != sorted(set(self.levels) & set(LEVELS)):
            raise SpecError(
                f"distill: levels must be some of 3, 4 and 5 in order, got {list(self.levels)}."
            )
        if self.clip_norm is not None and self.clip_norm <= 0:
            raise SpecError(f"distill: clip_norm must be above 0, got {self.clip_norm}.")

    def epochs_of(self, epochs: int, plain_epochs: int) -> int:
        """Epochs with the teacher, in a training of so many of which the last are plain."""
        return epochs - plain_epochs if self.epochs is None else min(self.epochs, epochs)

    def weight_at(self, step: int, steps: int) -> float:
        """The weight of a step, counted from 0, of so many with the teacher."""
        fallen = 0.5 * (1 - cos(pi * step / steps))
        return self.weight * (1 - (1 - self.last_weight) * fallen)
