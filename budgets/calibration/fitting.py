"""Fit of a model's multipliers to the latency of whole networks, with held-out errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maenas.blocks.op import Op
from maenas.budgets.arrays import Float64Array
from maenas.budgets.calibration.shares import Base, Shares, multipliers_of, scaled, shares_of
from maenas.budgets.pricing.fit import Fit

Chosen = NDArray[np.bool_]  # (rows,), whether each row is used

NOISE = 0.05  # relative error of a row: clocks, rounding, effects that no model has
COMMON = 3.0  # standard deviation of the logarithm of the common factor: the rows alone decide it
# Standard deviation of the logarithm of a multiplier relative to the common factor. Between two
# versions of a runtime, and between two devices, the overhead of a launch differs most.
SPREAD = 0.7
SPREADS = {"tensor": 0.5, "launch": 1.0, "memory": 0.5}
SEVERAL = 5  # rows from which several multipliers are tried
# A row is suspect if its error, left out, is beyond both: percent, and times the median error.
SUSPECT = (15.0, 4.0)
LESS = 0.1  # percentage points by which several multipliers must reduce the held-out error


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """Latency of one network.

    Attributes:
        network: name of the network.
        family: family of detectors that it belongs to.
        latency_ms: latency in milliseconds.
        ops: operators of the network.
    """

    network: str
    family: str
    latency_ms: float
    ops: tuple[Op, ...]


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A calibrated model.

    Attributes:
        model: base model with its multipliers; still under the name of the base.
        fit: errors and multipliers.
        predicted_ms: predicted latency of each row.
        held_out_ms: latency of each row, predicted by a model that was fitted to all others.
        remarks: what was decided for the user, and what rows would change it.
    """

    model: Base
    fit: Fit
    predicted_ms: tuple[float, ...]
    held_out_ms: tuple[float, ...]
    remarks: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """The remarks, and rows that the others contradict, each with what to check."""
        return (*self.remarks, *self._contradicted())

    def _contradicted(self) -> Iterator[str]:
        errors = self.fit.leave_one_out
        percent, times = SUSPECT
        least = max(percent, times * float(np.median(np.abs([*errors.values()]))))
        for name, error in errors.items():
            if abs(error) > least:
                yield (
                    f"{name}: a model fitted to the other rows is {error:+.0f}% off; check that "
                    "the file is the network that was timed, its input size, and the protocol of "
                    "its latency"
                )


def calibrated(base: Base, rows: Sequence[NetworkRow], several: bool | None = None) -> Calibrated:
    """Fit the multipliers of a model to rows, and compute the errors on rows left out.

    Args:
        base: model to adapt; multipliers shrink towards a common factor on it.
        rows: at least two networks with their latency.
        several: whether each part gets its own multiplier; None to decide by the errors on rows
            left out.
    """
    data = Data.of(base, rows)
    choices = (False, True) if several is None and len(rows) >= SEVERAL else (bool(several),)
    left_out = {choice: data.left_out(choice) for choice in choices}
    chosen = choices[0]
    if len(choices) > 1 and _mean(left_out[True]) <= _mean(left_out[False]) - LESS:
        chosen = True
    everything = np.full(len(rows), True)
    found = data.fitted(everything, chosen)
    errors = data.errors(everything, found)
    fit = Fit(
        rows=len(rows),
        mean_error=round(_mean(errors), 2),
        max_error=round(float(np.max(np.abs(errors))), 2),
        leave_one_out={
            row.network: round(error, 2)
            for row, error in zip(rows, left_out[chosen].tolist(), strict=True)
        },
        families=_families(data, rows, chosen),
        multipliers=_named(base, found, chosen),
    )
    model = scaled(base, dict(zip(multipliers_of(base), found.tolist(), strict=True)))
    predicted, held_out = (
        tuple((data.measured * (1 + percent / 100)).tolist())
        for percent in (errors, left_out[chosen])
    )
    return Calibrated(model, fit, predicted, held_out)


@dataclass(frozen=True, slots=True)
class Data:
    """Rows as a fit needs them.

    Attributes:
        shares: what each network's time is spent on.
        measured: latency of each network in milliseconds.
        spreads: standard deviation of the logarithm of each multiplier.
    """

    shares: tuple[Shares, ...]
    measured: Float64Array
    spreads: Float64Array

    @classmethod
    def of(cls, base: Base, rows: Sequence[NetworkRow]) -> Data:
        """The rows, priced by a base model."""
        return cls(
            tuple(shares_of(base, row.ops) for row in rows),
            np.array([row.latency_ms for row in rows]),
            np.array([SPREADS.get(name, SPREAD) for name in multipliers_of(base)]),
        )

    def fitted(self, chosen: Chosen, several: bool) -> Float64Array:
        """Return the most probable multipliers given the chosen rows.

        Their logarithms are normal around that of a common factor; with a single multiplier, all
        are equal.

        Args:
            chosen: rows to fit to.
            several: whether each part gets its own multiplier.
        """
        from scipy.optimize import least_squares

        used = [share for share, is_in in zip(self.shares, chosen, strict=True) if is_in]
        target = np.log(self.measured[chosen])
        spreads = self.spreads if several else np.zeros_like(self.spreads)

        def multipliers(x: Float64Array) -> Float64Array:
            found: Float64Array = np.exp(x[0] + spreads * x[1:])
            return found

        def misfits(x: Float64Array) -> Float64Array:
            factors = multipliers(x)
            predicted = np.array([share.latency_ms(factors) for share in used])
            return np.concatenate([(np.log(predicted) - target) / NOISE, [x[0] / COMMON], x[1:]])

        start = np.zeros(1 + len(spreads))
        start[0] = float(np.mean(target - np.log([share.unit_ms for share in used])))
        return multipliers(least_squares(misfits, start).x)

    def errors(self, chosen: Chosen, multipliers: Float64Array) -> Float64Array:
        """Return the signed error of each chosen row in percent."""
        predicted = np.array(
            [
                share.latency_ms(multipliers)
                for share, is_in in zip(self.shares, chosen, strict=True)
                if is_in
            ]
        )
        errors: Float64Array = 100 * (predicted / self.measured[chosen] - 1)
        return errors

    def left_out(self, several: bool) -> Float64Array:
        """Return the error of each row, predicted by a model that was fitted to all others."""
        return np.array([self.without(row, several)[0] for row in np.eye(len(self.shares)) > 0])

    def without(self, out: Chosen, several: bool) -> Float64Array:
        """Return the errors of some rows, predicted by a model that was fitted to all others."""
        return self.errors(out, self.fitted(~out, several))


def _families(data: Data, rows: Sequence[NetworkRow], several: bool) -> dict[str, float]:
    """Mean absolute error on each family, of a model fitted to the others; empty for one family."""
    found = {}
    for family in dict.fromkeys(row.family for row in rows):
        out = np.array([row.family == family for row in rows])
        if (~out).sum() >= 2:
            found[family] = round(_mean(data.without(out, several)), 2)
    return found


def _named(base: Base, multipliers: Float64Array, several: bool) -> dict[str, float]:
    """The multipliers by name, rounded."""
    names = multipliers_of(base) if several else ("all",)
    return {name: float(f"{factor:.4g}") for name, factor in zip(names, multipliers, strict=False)}


def _mean(errors: Float64Array) -> float:
    """Mean of the absolute errors."""
    return float(np.mean(np.abs(errors)))
