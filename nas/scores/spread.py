"""A score drawn several times: mean and spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import mean, stdev


@dataclass(frozen=True, slots=True)
class MonteCarloScore:
    """A score drawn for several seeds.

    Attributes:
        mean: mean over the seeds.
        standard_error: standard error of the mean.
        scores: score of each seed.
        seconds: mean time that one random network took.
    """

    mean: float
    standard_error: float
    scores: tuple[float, ...]
    seconds: float = field(default=0.0, compare=False)

    @classmethod
    def of(cls, scores: Sequence[float], seconds: float = 0.0) -> MonteCarloScore:
        """From the score of each seed."""
        spread = stdev(scores) / sqrt(len(scores)) if len(scores) > 1 else 0.0
        return cls(mean(scores), spread, tuple(scores), seconds)
