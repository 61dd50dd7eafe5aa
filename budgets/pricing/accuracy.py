"""How good predicted latencies are, told by networks that no price was fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

POOR = 0.1  # mean error above which a table is not to be trusted
CLOSE = 0.1  # relative error that counts as close


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Predicted against measured milliseconds, network by network, and what they come to.

    Attributes:
        names: of the networks.
        predicted_ms: by the prices.
        measured_ms: at the speed of the undisturbed device.
        median: of the absolute relative errors; nan, as the next three, without networks.
        mean: of them.
        p90: nine of ten are below.
        within_10: share of networks closer than 10 %.
        spearman: rank correlation; None for fewer than three networks.
        disturbed: networks held out beside those, whose samples scatter too much to tell anything.
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
        """Whether the prices are not to be trusted."""
        return not self.mean <= POOR

    def line(self, is_trusted: bool = True) -> str:
        """The figures in one line, for people.

        Args:
            is_trusted: whether to show what flatters: shares and ranks of a disturbed table do not
                say how good it is on a quiet device.
        """
        if not self.names:
            return "never checked on networks it was not fitted to"
        error = (
            f"on {len(self.names)} networks it was not fitted to: mean error {100 * self.mean:.1f}%"
        )
        if is_trusted:
            error += f", {100 * self.within_10:.0f}% of them within 10%"
            error += "" if self.spearman is None else f", rank correlation {self.spearman:.3f}"
        if self.disturbed:
            error += f"; {self.disturbed} more were disturbed too much to tell"
        return error


def accuracy(
    names: Sequence[str],
    predicted_ms: Sequence[float],
    measured_ms: Sequence[float],
    disturbed: int = 0,
) -> Accuracy:
    """Figures of predictions, all sequences in the same order."""
    several = tuple(names), tuple(predicted_ms), tuple(measured_ms)
    if not names:
        return Accuracy(*several, nan, nan, nan, nan, None, disturbed)
    from scipy.stats import spearmanr

    errors = np.abs(np.array(predicted_ms) / np.array(measured_ms) - 1)
    ranks = float(spearmanr(predicted_ms, measured_ms).statistic) if len(names) > 2 else None
    return Accuracy(
        *several,
        median=float(np.median(errors)),
        mean=float(errors.mean()),
        p90=float(np.percentile(errors, 90)),
        within_10=float((errors <= CLOSE).mean()),
        spearman=ranks,
        disturbed=disturbed,
    )
