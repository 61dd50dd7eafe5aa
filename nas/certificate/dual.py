"""The Lagrange multipliers of the least upper bound: Kelley's cutting planes.

With a multiplier for each limit, the optimum of the relaxed problem bounds the score from above.
This bound is convex in the multipliers, and each relaxed optimum gives a plane below it, whose
slopes are what its network leaves of the limits. The next multipliers are those where the planes so
far are lowest. Source: Kelley, "The cutting-plane method for solving convex programs", 1960.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from maenas.budgets.arrays import Float64Array
from maenas.nas.certificate.constraint import Constraint

STEPS = 12  # most planes per multiplier
FIRST_BOX = 0.4  # first limit on a multiplier, as a share of the score for the whole of a limit
WIDER = 4.0  # factor on the limits of multipliers while the lowest point lies on one of them
CLOSE = 1e-5  # share of the score that a further plane could lower the bound by

Solved = Callable[[Mapping[Constraint, float]], tuple[float, Float64Array] | None]


@dataclass(frozen=True, slots=True)
class Bound:
    """An upper bound on the score, and where it comes from.

    Attributes:
        value: upper bound.
        multipliers: multiplier of each limit.
        row: (columns,), row of the network behind it.
    """

    value: float
    multipliers: Mapping[Constraint, float]
    row: Float64Array


def least_bound(solved: Solved, constraints: Sequence[Constraint]) -> Bound | None:
    """The least upper bound that was found, or one close to it; None if there is no network.

    Args:
        solved: returns the upper bound under multipliers and the row of the network behind it.
        constraints: limits that have a multiplier.
    """
    planes: list[tuple[Float64Array, float]] = []  # slopes, and value at multipliers of zero
    least: Bound | None = None
    at = np.zeros(len(constraints))
    box = np.zeros(len(constraints))  # largest multipliers to try
    for _ in range(1 + STEPS * len(constraints)):
        multipliers = dict(zip(constraints, at.tolist(), strict=True))
        best = solved(multipliers)
        if best is None:
            break
        value, row = best
        slopes = np.array([one.limit - one.used(row) for one in constraints])
        planes.append((slopes, value - float(slopes @ at)))
        if least is None:
            if (slopes >= 0).all():  # no limit binds
                return Bound(value, multipliers, row)
            box = FIRST_BOX * (abs(value) or 1.0) / np.array([one.limit for one in constraints])
        if least is None or value < least.value:
            least = Bound(value, multipliers, row)
        at, lowest = _lowest(planes, box)
        if (at >= box).any():
            box = np.where(at >= box, WIDER * box, box)
        elif least.value - lowest < CLOSE * abs(least.value):
            break
    return least


def _lowest(
    planes: Sequence[tuple[Float64Array, float]], box: Float64Array
) -> tuple[Float64Array, float]:
    """(multipliers,), where the highest of all planes is lowest, and its height there."""
    from scipy.optimize import linprog  # lazy, so that a search starts faster

    slopes = np.array([slope for slope, _ in planes])
    values = np.array([value for _, value in planes])
    found = linprog(
        np.append(np.zeros(len(box)), 1.0),  # the variables: multipliers, and the height
        A_ub=np.column_stack([slopes, -np.ones(len(planes))]),
        b_ub=-values,
        bounds=[*((0.0, most) for most in box), (None, None)],
        method="highs",
    )
    assert found.x is not None  # multipliers within limits always have a highest plane
    return found.x[:-1], float(found.x[-1])
