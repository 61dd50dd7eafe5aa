"""The mean and spread of a score over several random seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import mean, stdev


@dataclass(frozen=True, slots=True)
class MonteCarloScore:
    """A score measured for several random seeds.

    Attributes:
        mean: mean over the seeds.
        standard_error: standard error of the mean.
        scores: score of each seed.
        seconds: mean time per random network.
    """

    mean: float
    standard_error: float
    scores: tuple[float, ...]
    seconds: float = field(default=0.0, compare=False)

    @classmethod
    def of(cls, scores: Sequence[float], seconds: float = 0.0) -> MonteCarloScore:
        """The mean and spread of the scores of several seeds."""
        spread = stdev(scores) / sqrt(len(scores)) if len(scores) > 1 else 0.0
        return cls(mean(scores), spread, tuple(scores), seconds)
