"""Errors of predicted latencies, measured on networks that no price was fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

POOR = 0.1  # mean error above which a table cannot be trusted
CLOSE = 0.1  # relative error that counts as close


@dataclass(frozen=True, slots=True)
class PredictionErrors:
    """Predicted and measured latency of held-out networks, with summary statistics.

    Without networks, the median, mean, 90th percentile and share are nan.

    Attributes:
        names: names of the networks.
        predicted_ms: milliseconds predicted by the prices.
        measured_ms: milliseconds measured, at the speed of the undisturbed device.
        median: median of the absolute relative errors.
        mean: mean of the absolute relative errors.
        p90: 90th percentile of the absolute relative errors.
        within_10: share of networks with an error of at most 10 %.
        spearman: rank correlation; None for fewer than three networks.
        disturbed: number of other held-out networks, excluded because they were disturbed.
    """

    names: tuple[str, ...]
    predicted_ms: tuple[float, ...]
    measured_ms: tuple[float, ...]
    median: float
    mean: float
    p90: float
    within_10: float
    spearman: float | None
    disturbed: int = 0

    @property
    def is_poor(self) -> bool:
        """Whether the error is too large to trust the prices."""
        return not self.mean <= POOR

    def line(self, is_trusted: bool = True, networks: str = "held-out networks") -> str:
        """Return the statistics as one line for users.

        Args:
            is_trusted: whether to include share and rank correlation, which look too good for a
                disturbed table.
            networks: description of the networks.
        """
        if not self.names:
            return "not checked on held-out networks"
        error = f"on {len(self.names)} {networks}: mean error {100 * self.mean:.1f}%"
        if is_trusted:
            error += f", {100 * self.within_10:.0f}% of them within 10%"
            error += "" if self.spearman is None else f", rank correlation {self.spearman:.3f}"
        if self.disturbed:
            error += f"; {self.disturbed} more are excluded because they were disturbed"
        return error


def prediction_errors(
    names: Sequence[str],
    predicted_ms: Sequence[float],
    measured_ms: Sequence[float],
    disturbed: int = 0,
) -> PredictionErrors:
    """Compute the statistics; all sequences are in the same order."""
    several = tuple(names), tuple(predicted_ms), tuple(measured_ms)
    if not names:
        return PredictionErrors(*several, nan, nan, nan, nan, None, disturbed)
    from scipy.stats import spearmanr

    errors = np.abs(np.array(predicted_ms) / np.array(measured_ms) - 1)
    ranks = float(spearmanr(predicted_ms, measured_ms).statistic) if len(names) > 2 else None
    return PredictionErrors(
        *several,
        median=float(np.median(errors)),
        mean=float(errors.mean()),
        p90=float(np.percentile(errors, 90)),
        within_10=float((errors <= CLOSE).mean()),
        spearman=ranks,
        disturbed=disturbed,
    )
