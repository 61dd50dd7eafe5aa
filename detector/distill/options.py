"""The options of distillation in a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi
from typing import Literal

from maenas.blocks.errors import SpecError
from maenas.detector.model.levels import LEVELS

Method = Literal["cwd", "mgd", "mimic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillOptions:
    """Options of distillation.

    Attributes:
        method: "cwd", or the baselines "mgd" and "mimic".
        weight: initial weight of the feature loss in the training loss.
        last_weight: final weight as a share of `weight`, which falls along a cosine.
        epochs: number of epochs with the teacher; None for all but the last ones without mosaic, at
            most a quarter of the training.
        features: source of the compared maps, "neck" as published or "backbone".
        levels: levels of the compared maps, 3 to 5 for strides 8 to 32.
        clip_norm: maximum gradient norm of the detector with a teacher; None for no clipping.
        amp: precision of the teacher, with the values of `compute.amp`.

    Source: weight, cosine and stages are from the report (https://arxiv.org/abs/2211.15444, section
    2.5). DAMO-YOLO's code uses weight 1 and a teacher in all epochs: `weight: 1, epochs: 300`.
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
        """Number of epochs with the teacher, in a training that ends with `plain_epochs`."""
        return epochs - plain_epochs if self.epochs is None else min(self.epochs, epochs)

    def weight_at(self, step: int, steps: int) -> float:
        """The weight at a step, counted from 0, if `steps` steps have a teacher."""
        fallen = 0.5 * (1 - cos(pi * step / steps))
        return self.weight * (1 - (1 - self.last_weight) * fallen)
