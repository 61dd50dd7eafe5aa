"""Prices of a device from few measurements there and the prices of another device.

Each term of a kernel's price is that of the source times a multiplier. Its logarithm is a sum of
parts: one that all prices share, one of the kind of work, one of the family of kernels, and one of
the kernel. All are normal around zero, so few measurements move what they identify, and the rest
follows the shared part. What no multiplier explains, such as a term that costs nothing at the
source, is found by non-negative least squares that shrink towards these prices. The more
measurements there are, the less the source matters.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from maenas.blocks.op import Op
from maenas.budgets.arrays import Float64Array
from maenas.budgets.pricing.kernels import KernelKind, Range, kernel_of, range_of, terms_of, work_of
from maenas.budgets.pricing.operator_model import (
    RESOLUTION_US,
    Kernel,
    Observation,
    matrix_of,
    nearest,
    solve,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_array

NOISE = 0.6  # relative error of an observation of weight 1, the time of a layer
TOLERATED = 2.0  # error in units of the noise above which an observation loses weight
STEPS = 25  # most Gauss-Newton steps
LONGEST_STEP = 1.5  # of the logarithm of a multiplier
CONVERGED = 1e-3
# Standard deviations of the parts of a multiplier's logarithm.
COMMON, BY_WORK, BY_FAMILY, BY_KERNEL = 3.0, 0.7, 0.5, 0.3
REST = 0.1  # deviation of a term from its multiplier, relative to the time of its kernel
ROUNDS = 4  # rounds of reweighting in the least squares
UNKNOWN_US = 1e4  # deviation of the time of a kernel of which the source knows nothing


def transferred(
    base: Mapping[KernelKind, Kernel], observations: Sequence[Observation]
) -> dict[KernelKind, Kernel]:
    """Return prices of a device from those of another one and observations on the device.

    A kernel without a price at the source begins with that of the nearest one of its family; if
    there is none, the observations alone decide.

    Args:
        base: prices of the other device.
        observations: measured layers and networks.
    """
    if not observations:
        return dict(base)
    columns = Columns.of(base, observations)
    matrix = matrix_of(observations, columns.first, len(columns.us))
    us = np.array([observation.us for observation in observations])
    noise = NOISE / np.array([observation.weight for observation in observations])
    noise *= np.maximum(1.0, RESOLUTION_US / us)
    prices = columns.us * np.exp(_logarithms(matrix, us, noise, columns))
    return columns.kernels(_refined(matrix, us, noise, prices, columns.deviations(prices)))


@dataclass(frozen=True, slots=True)
class Columns:
    """The terms of the prices of all kernels, one column each.

    Attributes:
        ranges: sizes of each kernel, at the source and in the observations.
        first: first column of each kernel.
        us: price of each term at the source.
        parts: (columns, parts), contribution of each part of the multipliers in deviations.
        typical: mean of each term in the observed operators; 0 for kernels that are not observed.
    """

    ranges: Mapping[KernelKind, Range]
    first: Mapping[KernelKind, int]
    us: Float64Array
    parts: Float64Array
    typical: Float64Array

    @classmethod
    def of(cls, base: Mapping[KernelKind, Kernel], observations: Sequence[Observation]) -> Columns:
        """The columns of the kernels that have a price at the source or are observed."""
        seen: dict[KernelKind, list[Op]] = {}
        for op in {op for observation in observations for op in observation.ops}:
            seen.setdefault(kernel_of(op), []).append(op)
        ranges: dict[KernelKind, Range] = {}
        first: dict[KernelKind, int] = {}
        us: list[float] = []
        typical: list[float] = []
        labels: list[tuple[KernelKind, str]] = []
        for kernel in sorted({*base, *seen}, key=str):
            terms = np.array([terms_of(op) for op in seen.get(kernel, ())])
            known = base[kernel].us if kernel in base else _begin(kernel, base, terms.shape[1])
            first[kernel] = len(us)
            ranges[kernel] = _joined(
                *([base[kernel].sizes] if kernel in base else []),
                *([range_of(seen[kernel])] if kernel in seen else []),
            )
            us += known
            typical += terms.mean(axis=0).tolist() if len(terms) else [0.0] * len(known)
            labels += [(kernel, work_of(kernel, i, len(known))) for i in range(len(known))]
        return cls(ranges, first, np.array(us), _parts(labels), np.array(typical))

    def deviations(self, prices: Float64Array) -> Float64Array:
        """Return how far the price of each term may be from its multiplier's."""
        times = np.zeros_like(prices)
        for part in self._slices():
            us = float(prices[part] @ self.typical[part])
            times[part] = REST * us if us else UNKNOWN_US
        observed = self.typical > 0
        found = np.where(prices > 0, REST * prices, 1e-9)
        found[observed] = times[observed] / self.typical[observed]
        return found

    def kernels(self, prices: Float64Array) -> dict[KernelKind, Kernel]:
        """Return the kernels with these prices."""
        return {
            kernel: Kernel(tuple(prices[part].tolist()), sizes)
            for (kernel, sizes), part in zip(self.ranges.items(), self._slices(), strict=True)
        }

    def _slices(self) -> list[slice]:
        starts = [*self.first.values(), len(self.us)]
        return [slice(start, end) for start, end in pairwise(starts)]


def _begin(kernel: KernelKind, base: Mapping[KernelKind, Kernel], count: int) -> tuple[float, ...]:
    """Return the prices that a kernel without any begins with."""
    near = nearest(kernel, base)
    if near is None:
        return (0.0,) * count
    return (*base[near].us, *(0.0,) * count)[:count]


def _joined(*ranges: Range) -> Range:
    """Return the least range that holds all of these."""
    return tuple(
        (min(low for low, _ in pairs), max(high for _, high in pairs))
        for pairs in zip(*ranges, strict=True)
    )


def _parts(labels: Sequence[tuple[KernelKind, str]]) -> Float64Array:
    """Return the contribution of each part of the multipliers to each column, in deviations."""
    sorts: list[tuple[float, list[Hashable]]] = [
        (COMMON, [0] * len(labels)),
        (BY_WORK, [work for _, work in labels]),
        (BY_FAMILY, [kernel.family for kernel, _ in labels]),
        (BY_KERNEL, [kernel for kernel, _ in labels]),
    ]
    found = [
        [deviation * (other == one) for other in listed]
        for deviation, listed in sorts
        for one in dict.fromkeys(listed)
    ]
    return np.array(found).T


def _logarithms(
    matrix: csr_array, us: Float64Array, noise: Float64Array, columns: Columns
) -> Float64Array:
    """Return the most probable logarithm of each multiplier, by Gauss-Newton steps.

    Errors are logarithms of predicted over measured times; large ones count less.
    """
    times = matrix.multiply(columns.us[None, :]).toarray()
    known = times.sum(axis=1) > 0
    times, us, noise = times[known], us[known], noise[known]
    x = np.zeros(columns.parts.shape[1])
    if not len(us):
        return columns.parts @ x
    used = times.any(axis=0)
    times, parts = times[:, used], columns.parts[used]
    x[0] = float(np.median(np.log(us / times.sum(axis=1)))) / COMMON
    for _ in range(STEPS):
        shares = times * np.exp(parts @ x)
        predicted = shares.sum(axis=1)
        slopes = shares @ parts / predicted[:, None]
        errors = np.log(predicted / us)
        weights = 1 / (noise**2 * np.maximum(1.0, np.abs(errors) / (TOLERATED * noise)))
        weighted = slopes * weights[:, None]
        step = np.linalg.solve(weighted.T @ slopes + np.eye(len(x)), -weighted.T @ errors - x)
        length = float(np.abs(parts @ step).max())
        x += step * min(1.0, LONGEST_STEP / max(length, CONVERGED))
        if length < CONVERGED:
            break
    found: Float64Array = columns.parts @ x
    return found


def _refined(
    matrix: csr_array,
    us: Float64Array,
    noise: Float64Array,
    prices: Float64Array,
    deviations: Float64Array,
) -> Float64Array:
    """Return the non-negative prices that fit the times and stay near `prices`."""
    from scipy.sparse import csr_array, diags_array, vstack

    seen = np.asarray(matrix.sum(axis=0)).ravel() > 0  # nothing moves the others
    terms = csr_array(matrix[:, seen])
    rows = csr_array(vstack([terms, diags_array(np.ones(int(seen.sum())))]))
    targets = np.concatenate([us, prices[seen]])
    shrinking = 1 / deviations[seen]
    relative = 1 / (noise * us)
    weights = relative
    found = np.array(prices)
    for _ in range(ROUNDS):
        found[seen] = solve(rows, targets, np.concatenate([weights, shrinking]))
        errors = np.abs(terms @ found[seen] - us) * relative
        weights = relative / np.sqrt(np.maximum(1.0, errors / TOLERATED))
    return found
