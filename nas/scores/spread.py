"""A score drawn several times: mean and spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev


@dataclass(frozen=True, slots=True)
class MonteCarloScore:
    """Mean score over seeds, its standard error, and the score of each seed."""

    mean: float
    standard_error: float
    scores: tuple[float, ...]

    @classmethod
    def of(cls, scores: Sequence[float]) -> MonteCarloScore:
        """From the score of each seed."""
        spread = stdev(scores) / sqrt(len(scores)) if len(scores) > 1 else 0.0
        return cls(mean(scores), spread, tuple(scores))
