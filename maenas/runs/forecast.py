"""Estimate of the accuracy at the end of a training, from the curve so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST = 4  # evaluations; three values fit a curve of three numbers exactly
RATES = np.geomspace(0.3, 12, 80)  # of the exponential, per length of the curve so far
POWERS = np.geomspace(0.05, 3, 80)
MARGIN = 0.01  # AP of trainings that differ in their random seed alone differs by more
LEFT_OUT = 8  # evaluations that are left out in turn
WORSE = 2.0  # a family whose squared error is more times that of the other is not used
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Forecast:
    """Expected accuracy at the end of a training; an estimate.

    Attributes:
        value: median of the fitted curves.
        low: least value among the fitted curves, less the scatter of the curve so far
            and a margin.
        high: largest value among them, plus the same.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"about {self.value:.2f} ({self.low:.2f} to {self.high:.2f}, an estimate)"


def forecast(rows: Sequence[Mapping[str, float]], epochs: int, column: str) -> Forecast | None:
    """The expected value of a column after the last epoch.

    Curves a - b t^-c and a - b e^-ct are fitted by least squares to all evaluations, and to all but
    each of the last ones; later evaluations weigh more. The estimate knows nothing of the epochs
    without mosaic at the end, which usually add to the accuracy; it is never below the last
    evaluation. Both curves rise ever more slowly, so one that still rises faster is not estimated.

    Args:
        rows: rows of the epochs so far; those without the column were not evaluated.
        epochs: number of epochs of the training.
        column: column to estimate, in 0..1.
    Returns:
        None if there are too few evaluations, the curve still rises faster, or the training has
        ended.
    """
    known = [(row["epoch"], row[column]) for row in rows if column in row]
    # a curve begins when the detector finds its first objects; the zeros before it say nothing
    first = next((index for index, (_, value) in enumerate(known) if value > 0), len(known))
    known = known[max(0, first - 1) :]
    if len(known) < FEWEST or known[-1][0] >= epochs:
        return None
    time, values = np.array(known, dtype=np.float64).T
    if _accelerates(time, values):
        return None
    weights = time / time[-1]
    left_out = range(max(0, len(time) - 1 - LEFT_OUT), len(time) - 1)
    kept = [np.arange(len(time)) != index for index in left_out]
    kept.append(np.ones(len(time), dtype=bool))
    ends = [
        end
        for some in kept
        for end in _ends(time[some], values[some], weights[some], float(epochs))
    ]
    scatter = MARGIN + _scatter(time, values, weights)
    low, high = min(ends) - scatter, max(ends) + scatter
    last = float(values[-1])
    return Forecast(*(float(np.clip(each, last, 1)) for each in (np.median(ends), low, high)))


def _accelerates(time: Numbers, values: Numbers) -> bool:
    """Whether the later half of the curve rises faster than the earlier one."""
    middle = len(time) // 2
    earlier = (values[middle] - values[0]) / (time[middle] - time[0])
    later = (values[-1] - values[middle]) / (time[-1] - time[middle])
    return bool(later > max(earlier, 0.0))


def _ends(time: Numbers, values: Numbers, weights: Numbers, end: float) -> list[float]:
    """Value at the end of the best curve of each family that fits about as well as the other."""
    best = [
        min(_fit(shape, values, weights) for shape in shapes) for shapes in _families(time, end)
    ]
    least = min(best)[0]
    return [value for error, value in best if error <= WORSE * least]


def _families(time: Numbers, end: float) -> tuple[list[Numbers], list[Numbers]]:
    """Falling shapes of each family at the times so far, and at the end in the last place."""
    every = np.append(time, end)
    exponential = [np.exp(-rate * every / time[-1]) for rate in RATES]
    return exponential, [(every / time[0]) ** -power for power in POWERS]


def _fit(shape: Numbers, values: Numbers, weights: Numbers) -> tuple[float, float]:
    """Weighted squared error of a - b * shape with b >= 0, and its value at the end."""
    past, mean = shape[:-1], float(np.average(values, weights=weights))
    centred = past - np.average(past, weights=weights)
    spread = float((weights * centred**2).sum())
    slope = float((weights * centred * (values - mean)).sum()) / spread if spread > 0 else 0.0
    slope = min(slope, 0.0)  # the curve rises as its shape falls
    level = mean - slope * float(np.average(past, weights=weights))
    error = float((weights * (values - level - slope * past) ** 2).sum())
    return error, level + slope * float(shape[-1])


def _scatter(time: Numbers, values: Numbers, weights: Numbers) -> float:
    """Standard deviation of the evaluations around the better curve."""
    errors = [
        min(_fit(shape, values, weights)[0] for shape in shapes)
        for shapes in _families(time, float(time[-1]))
    ]
    return float(np.sqrt(min(errors) / weights.sum()))
