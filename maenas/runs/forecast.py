"""Estimate of the accuracy at the end of a training, from the curve so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2

import numpy as np

FEWEST = 4  # evaluations; the gain of the last doubling of the epochs needs some
MARGIN = 0.01  # AP of trainings that differ in their random seed alone differs by more
# Share of what lacks to 1 that the end of mosaic may add, besides the trend. AP gained 0.29 of it
# in the first epoch without mosaic, the 19th of benchmarks/results/accuracy-amd-epyc-py3.11.csv.
MOSAIC_GAIN = 0.3
NEAREST = 0.5  # share of what lacks to 1 that the estimate adds at most
WIDEST = 0.3  # AP; an interval wider than this says nothing


@dataclass(frozen=True, slots=True)
class Forecast:
    """Expected accuracy at the end of a training; an estimate.

    Attributes:
        value: accuracy at the end if each doubling of the epochs gains half as much as the one
            before.
        low: last evaluation, less the largest recent fall of the curve and a margin.
        high: accuracy at the end if each doubling of the epochs gains as much as the last one,
            plus the same, plus the gain that the end of mosaic may bring.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"about {self.value:.2f} ({self.low:.2f} to {self.high:.2f}, an estimate)"


def forecast(
    rows: Sequence[Mapping[str, float]], epochs: int, column: str, plain_epochs: int = 0
) -> Forecast | None:
    """The expected value of a column after the last epoch.

    The gain g between the epochs t / 2 and t is the only number that is read from the slope of the
    curve. Up to the last epoch T, a curve a - b / t, whose gain halves with each doubling of the
    epochs, gains g (1 - t / T): that is the estimate. A curve a + b log t, which gains g with each
    doubling, gains g log2(T / t): that is the upper end. Fits of several parameters to the whole
    curve were worse: they continue the steep rise after the first objects are found, although a
    class that is never found can end it at once. `python -m benchmarks.bench_forecast` compares
    estimates with the values at the end.

    Args:
        rows: rows of the epochs so far; those without the column were not evaluated.
        epochs: number of epochs of the training.
        column: column to estimate, in 0..1.
        plain_epochs: number of last epochs without mosaic; before them, the interval holds the
            gain that the end of mosaic may bring.
    Returns:
        None if nothing can be said: there are too few evaluations, the curve rises faster than
        before, the interval would be wider than WIDEST, or the training has ended.
    """
    # a detector that was not trained yet finds nothing
    known = [(0.0, 0.0)] + [(row["epoch"], row[column]) for row in rows if column in row]
    time, values = np.array(known, dtype=np.float64).T
    now, last = float(time[-1]), float(values[-1])
    if len(known) <= FEWEST or now >= epochs or last <= 0:
        return None
    middle = float(np.interp(now / 2, time, values))
    if last > 2 * middle:  # the later half of the curve rises faster than the earlier half
        return None
    gain = max(last - middle, 0.0)
    recent = values[time >= now / 2]
    scatter = MARGIN + float((np.maximum.accumulate(recent) - recent).max())
    mosaic = MOSAIC_GAIN * (1 - last) if 0 < plain_epochs <= epochs - now else 0.0
    low = max(last - scatter, 0.0)
    high = min(last + gain * log2(epochs / now) + mosaic + scatter, 1.0)
    if high - low > WIDEST:
        return None
    return Forecast(last + min(gain * (1 - now / epochs), NEAREST * (1 - last)), low, high)
