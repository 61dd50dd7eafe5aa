"""Latency of an operator as a weighted sum of its kernel's terms, fitted to measurements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import log
from typing import TYPE_CHECKING, Literal

import numpy as np

from maenas.blocks.op import Op
from maenas.budgets.arrays import Float64Array
from maenas.budgets.latency import DeviceError, Hardware, LatencyModel, Precision
from maenas.budgets.pricing.fit import Fit
from maenas.budgets.pricing.kernels import (
    KernelKind,
    Range,
    Terms,
    beyond,
    kernel_of,
    range_of,
    terms_of,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_array

RESOLUTION_US = 10.0  # errors are relative to the time of a sample, but at least to this time
ROUNDS = 8  # rounds of reweighting
TOLERATED = 0.2  # relative error above which a sample loses weight: noise has a long tail
MARGIN = 1.3  # factor beyond the sampled range that does not count as extrapolation
RIDGE = 1e-9
# Families that take the prices of another one where they were never measured themselves.
INSTEAD = {"stem": "conv", **dict.fromkeys(("split", "crop", "gather"), "copy")}


@dataclass(frozen=True, slots=True)
class Observation:
    """Measured time of a layer or of a whole network.

    Attributes:
        ops: operators that ran.
        us: total time of the operators, in microseconds.
        weight: weight of the relative error in the fit.
    """

    ops: tuple[Op, ...]
    us: float
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Kernel:
    """Price of one kernel.

    Attributes:
        us: microseconds per unit of each term of `terms_of`.
        sizes: range of sizes of the operators that the kernel was fitted to.
    """

    us: Terms
    sizes: Range


def fit(observations: Sequence[Observation]) -> dict[KernelKind, Kernel]:
    """Fit kernel prices to observations.

    The fit is a non-negative least squares on relative errors, over all kernels at once, since an
    observation can hold operators of several kernels. It is repeated with less weight on samples
    with a large error, so that a disturbed sample does not distort the prices.

    Raises:
        ValueError: if there is no observation.
    """
    if not observations:
        raise ValueError("nothing was observed")
    samples: dict[KernelKind, list[Op]] = {}
    for op in {op for observation in observations for op in observation.ops}:
        samples.setdefault(kernel_of(op), []).append(op)
    first: dict[KernelKind, int] = {}
    count = 0
    for kernel in sorted(samples, key=str):  # in the order of their text, as in files
        first[kernel] = count
        count += len(terms_of(samples[kernel][0]))
    matrix = matrix_of(observations, first, count)
    us = np.array([observation.us for observation in observations])
    base = np.array([observation.weight for observation in observations])
    base = base / np.maximum(us, RESOLUTION_US)
    weights = base
    solution = np.zeros(count)
    for _ in range(ROUNDS):
        solution = solve(matrix, us, weights)
        errors = np.abs(matrix @ solution - us) / np.maximum(us, RESOLUTION_US)
        weights = base / np.sqrt(np.maximum(1.0, errors / TOLERATED))
    return {
        kernel: Kernel(
            tuple(solution[start : start + len(terms_of(samples[kernel][0]))].tolist()),
            range_of(samples[kernel]),
        )
        for kernel, start in first.items()
    }


def matrix_of(
    observations: Sequence[Observation], first: Mapping[KernelKind, int], count: int
) -> csr_array:
    """Return the terms summed over each observation's operators, (observations, all terms)."""
    from scipy.sparse import csr_array

    entries: list[float] = []
    columns: list[int] = []
    rows: list[int] = []
    terms = lru_cache(maxsize=None)(lambda op: (first[kernel_of(op)], terms_of(op)))
    for row, observation in enumerate(observations):
        for op in observation.ops:
            start, values = terms(op)
            entries += values
            columns += range(start, start + len(values))
            rows += [row] * len(values)
    return csr_array((entries, (rows, columns)), shape=(len(observations), count))


def solve(matrix: csr_array, us: Float64Array, weights: Float64Array) -> Float64Array:
    """Solve weighted non-negative least squares by normal equations: many rows, few columns."""
    from scipy.linalg import solve_triangular
    from scipy.optimize import nnls

    weighted = matrix.multiply(weights[:, None]).tocsr()
    scale = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=0)).ravel())
    unseen = scale == 0
    scale[unseen] = 1.0
    gram = np.asarray((weighted.T @ weighted).todense()) / np.outer(scale, scale)
    target = np.asarray(weighted.T @ (us * weights)).ravel() / scale
    gram[np.diag_indices_from(gram)] += RIDGE
    lower = np.linalg.cholesky(gram)
    reduced = solve_triangular(lower, target, lower=True)
    solution, _ = nnls(lower.T, reduced, maxiter=30 * len(target))
    found: Float64Array = np.where(unseen, 0.0, solution / scale)  # not what rounding left there
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorModel(LatencyModel):
    """Latency model that prices operators by fitted kernels.

    A window that was never sampled takes the prices of the nearest window of its family, without a
    factor, because the terms already count the window. `guess` reports such a price.

    Attributes:
        device: device name as the user types it.
        hardware: "cpu", "gpu" or "npu".
        precision: number format that the network runs in.
        kind: "measured" or "estimated".
        about: description for users, one line.
        kernels: price of each kernel.
        command: command line that measures a missing operator.
        fingerprint: hash of the prices.
        provenance: runtime, processor, threads and so on of a measured device.
        warning: reason not to trust the prices; None if they can be trusted.
        fit: errors of the calibration of an estimate; None if they are unknown.
        protocol: runtime, precision, and what is inside of each number of an estimate.
        means: full name of the device, if `device` is short for it.
    """

    device: str
    hardware: Hardware
    precision: Precision
    kind: Literal["estimated", "measured"]
    about: str
    kernels: Mapping[KernelKind, Kernel] = field(repr=False)
    command: str = field(compare=False, repr=False)
    fingerprint: str = ""
    provenance: Mapping[str, str | int | float | None] = field(
        default_factory=dict, compare=False, repr=False
    )
    warning: str | None = field(default=None, compare=False, repr=False)
    fit: Fit | None = field(default=None, compare=False, repr=False)
    protocol: str = field(default="", compare=False, repr=False)
    means: str = field(default="", compare=False, repr=False)
    _nearest: dict[KernelKind, KernelKind] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )

    def op_ms(self, op: Op) -> float:
        """Return the latency of one operator in milliseconds.

        Raises:
            DeviceError: if no operator of its family was measured.
        """
        kernel = self.kernel(op)
        us = 0.0
        for price, count in zip(kernel.us, terms_of(op), strict=True):
            us += price * count
        return us / 1e3

    def guess(self, op: Op) -> str | None:
        """Return why a price is an extrapolation beyond the measurements; None if it is not."""
        wanted = kernel_of(op)
        priced = self._kernel(op)
        if priced != wanted:
            return f"{wanted} was not measured, priced as {priced}"
        found = beyond(op, self.kernels[priced].sizes, MARGIN)
        if found is None:
            return None
        label, size, least, most = found
        return f"{priced} was measured for {least:g} to {most:g} {label}, not {size:g}"

    def kernel(self, op: Op) -> Kernel:
        """Return the prices of an operator.

        Raises:
            DeviceError: if no operator of its family was measured.
        """
        return self.kernels[self._kernel(op)]

    def _kernel(self, op: Op) -> KernelKind:
        """Return the operator's kernel, or the nearest measured kernel of its family."""
        kernel = kernel_of(op)
        if kernel in self.kernels:
            return kernel
        if kernel not in self._nearest:
            found = nearest(kernel, self.kernels)
            if found is None:
                raise DeviceError(
                    f"device {self.device}: operators of kind {kernel.family!r} were never "
                    f"measured there; measure them with: {self.command}"
                )
            self._nearest[kernel] = found
        return self._nearest[kernel]


def nearest(kernel: KernelKind, known: Iterable[KernelKind]) -> KernelKind | None:
    """Return the kernel of the same family, or of the one instead, with the nearest window."""
    every = list(known)
    related = [other for other in every if other.family == kernel.family]
    related = related or [other for other in every if other.family == INSTEAD.get(kernel.family)]
    return min(related, key=lambda other: _distance(other, kernel), default=None)


def _distance(one: KernelKind, other: KernelKind) -> float:
    """Return the distance between the windows of two kernels.

    Areas count most, then how far the windows are from a square, then strides. A window and the
    same one turned by 90 degrees, 1x7 and 7x1, are near each other.
    """
    (area, length), (other_area, other_length) = map(_window, (one, other))
    turned = 0.01 * (length != other_length)
    steps = sum(abs(a - b) for a, b in zip(one.strides, other.strides, strict=True)) / 2
    return abs(area - other_area) + abs(abs(length) - abs(other_length)) + turned + 0.1 * steps


def _window(kernel: KernelKind) -> tuple[float, float]:
    """Return the logarithms of mean side and of elongation of a kernel's window."""
    height, width = kernel.window
    return log(height * width) / 2, log(height / width) / 2


def relative_errors(
    model: LatencyModel, networks: Iterable[tuple[Sequence[Op], float]]
) -> Float64Array:
    """Return (predicted - measured) / measured of networks given as operators and milliseconds."""
    return np.array([model.latency_ms(ops) / ms - 1 for ops, ms in networks])
