"""The maximum-entropy score as an additive score and as a score of random networks."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import ClassVar

from maenas.blocks import Backbone, Op
from maenas.nas.scores.max_entropy import (
    DEFAULT_WEIGHTS,
    expected_entropy,
    level_scores,
    log_gain,
)
from maenas.nas.scores.score import Score


@dataclass(frozen=True, slots=True)
class MaxEntropy(Score):
    """The maximum-entropy score as a sum over stages; see `max_entropy`."""

    name: ClassVar[str] = "max-entropy"
    unit: ClassVar[str] = "nats"
    cumulative: ClassVar[bool] = True
    signed: ClassVar[bool] = False
    weights: tuple[float, ...] | None = DEFAULT_WEIGHTS

    def op(self, op: Op) -> float:
        return log_gain(op)

    def width(self, channels: int) -> float:
        return log(channels)

    def level_scores(self, backbone: Backbone) -> tuple[float, ...]:
        return level_scores(backbone)

    def forward(self, levels: int) -> RandomNetworks:
        return RandomNetworks(self.level_weights(levels))

    def expected(self, backbone: Backbone) -> float:
        return expected_entropy(backbone, self.level_weights(1 + max(backbone.levels)))


@dataclass(frozen=True, slots=True)
class RandomNetworks:
    """The maximum-entropy score of random networks: a few tenths of a second at 640 pixels.

    Attributes:
        weights: weights of the resolution levels.
    """

    name: ClassVar[str] = "max-entropy-forward"
    weights: tuple[float, ...]

    def __call__(self, backbone: Backbone, seed: int) -> float:
        """Score of one random network; see `max_entropy_forward`."""
        from maenas.nas.scores.max_entropy_forward import drawn_score  # loads torch

        return drawn_score(backbone, self.weights, seed)
