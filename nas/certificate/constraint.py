"""Limits on sums over stages, as the certificate relaxes them with Lagrange multipliers."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from maenas.budgets.arrays import Float64Array
from maenas.nas.evaluator import Evaluator
from maenas.nas.priced_stages import CONVS, GAIN


@dataclass(frozen=True, slots=True)
class Constraint:
    """A weighted sum of columns of the evaluator that must not exceed a limit.

    Attributes:
        weights: pairs of a column and its weight.
        limit: largest sum allowed.
    """

    weights: tuple[tuple[int, float], ...]
    limit: float

    def used(self, row: Float64Array) -> float:
        """The sum for one network, whose row holds the sums over its stages, neck and head."""
        return float(sum(weight * row[column] for column, weight in self.weights))


def on_axis(evaluator: Evaluator, axis: str, limit: float) -> Constraint:
    """The limit of a budget."""
    return Constraint(((evaluator.columns[axis], 1.0),), limit)


def on_effectiveness(bound: float, depth: float) -> Constraint:
    """A limit that every network within a bound on effectiveness meets, tight for one depth.

    The effectiveness of D convolutions whose log gains, half the logs of the fan-ins, sum to G is
    D exp(-2 G / D) (`maenas.nas.scores.max_entropy.effectiveness`). It is at most r if

        D ln D - D ln r - 2 G <= 0.

    D ln D is convex, so it is not below its tangent at any depth d, which is D (1 + ln d) - d. With
    the tangent in its place the limit is a sum over stages, and it excludes no network that the
    bound allows.

    Args:
        bound: largest effectiveness allowed.
        depth: number of convolutions at which the tangent touches.
    """
    return Constraint(((CONVS, 1.0 + log(depth / bound)), (GAIN, -2.0)), depth)
