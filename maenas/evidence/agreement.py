"""Rank correlation of a feature with accuracy among networks of equal cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maenas.budgets.arrays import Float64Array

NEARLY = 0.15  # relative difference of cost up to which a pair of networks is compared
FEWEST = 10  # networks that a group must hold to be counted
DRAWS = 400  # bootstrap draws of an interval

Correlation = Callable[[Float64Array, Float64Array], float]


@dataclass(frozen=True, slots=True)
class Networks:
    """Trained networks with their features, and which of them are compared.

    Attributes:
        name: name of the comparison, such as "equal MACs".
        accuracy: (n,), accuracy or AP of each network.
        features: (n,) values of each feature by name.
        groups: (n,), group of comparable networks; None if pairs are compared.
        cost: (n,), cost by which pairs are comparable; None if groups are compared.
    """

    name: str
    accuracy: Float64Array
    features: Mapping[str, Float64Array]
    groups: NDArray[np.int64] | None = None
    cost: Float64Array | None = None

    def statistic(self, feature: str, chosen: NDArray[np.int64]) -> float:
        """Agreement of a feature with accuracy among chosen networks, in -1..1.

        Spearman's rank correlation inside groups, or the concordance of pairs.
        """
        values, accuracy = self.features[feature][chosen], self.accuracy[chosen]
        if self.groups is not None:
            return mean_spearman(values, accuracy, self.groups[chosen])
        assert self.cost is not None
        return concordance(values, accuracy, self.cost[chosen])

    def kendall(self, feature: str, chosen: NDArray[np.int64]) -> float:
        """Kendall's rank correlation inside groups; NaN if pairs are compared."""
        if self.groups is None:
            return float("nan")
        values, accuracy = self.features[feature][chosen], self.accuracy[chosen]
        return mean_in_groups(kendall, values, accuracy, self.groups[chosen])


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic with the interval that holds 95 % of its bootstrap draws.

    Attributes:
        value: statistic of all networks.
        low: lower end of the interval.
        high: upper end of the interval.
    """

    value: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


def attainable(seeds: Estimate) -> Estimate:
    """Agreement with the accuracy of one training that a score without error would have.

    Two seeds agree only as far as neither is disturbed by noise; a score without noise meets that
    of one of them, and the square root of their agreement (Spearman, American Journal of
    Psychology 1904, correction for attenuation).

    Args:
        seeds: correlation of two trainings of the same networks with different seeds.
    """
    return Estimate(*(max(each, 0.0) ** 0.5 for each in (seeds.value, seeds.low, seeds.high)))


def estimate(
    statistic: Callable[[NDArray[np.int64]], float],
    count: int,
    draws: int = DRAWS,
    watch: Callable[[], None] | None = None,
) -> Estimate:
    """A statistic of `count` networks and its interval over networks drawn with replacement.

    Args:
        statistic: function of the indices of the networks.
        count: number of networks.
        draws: number of bootstrap draws.
        watch: function that is called after each draw.
    """
    rng = np.random.default_rng(0)
    value = statistic(np.arange(count))
    drawn = np.empty(draws)
    for index in range(draws):
        drawn[index] = statistic(rng.integers(0, count, count))
        if watch is not None:
            watch()
    known = drawn[np.isfinite(drawn)]
    low, high = np.percentile(known, [2.5, 97.5]) if known.size else (float("nan"),) * 2
    return Estimate(value, float(low), float(high))


def mean_in_groups(
    correlation: Correlation,
    values: Float64Array,
    accuracy: Float64Array,
    groups: NDArray[np.int64],
    fewest: int = FEWEST,
) -> float:
    """Mean of a rank correlation inside groups, weighted by their sizes.

    Groups with fewer than `fewest` networks, or without a difference in one of the two, do not
    count.
    """
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order])) + 1
    total, count = 0.0, 0
    for members in np.split(order, starts):
        ours, theirs = values[members], accuracy[members]
        if len(members) >= fewest and np.ptp(ours) and np.ptp(theirs):
            total += len(members) * correlation(ours, theirs)
            count += len(members)
    return total / count if count else float("nan")


def mean_spearman(values: Float64Array, accuracy: Float64Array, groups: NDArray[np.int64]) -> float:
    """Mean of Spearman's rank correlation inside groups; see `mean_in_groups`."""
    return mean_in_groups(spearman, values, accuracy, groups)


def spearman(values: Float64Array, accuracy: Float64Array) -> float:
    """Spearman's rank correlation: the correlation of the ranks, ties with their mean rank."""
    from scipy.stats import rankdata

    return float(np.corrcoef(rankdata(values), rankdata(accuracy))[0, 1])


def kendall(values: Float64Array, accuracy: Float64Array) -> float:
    """Kendall's tau-b: pairs in the same order minus pairs in opposite order, ties left out."""
    ours = np.sign(values[:, None] - values)
    theirs = np.sign(accuracy[:, None] - accuracy)
    untied = np.count_nonzero(ours) * np.count_nonzero(theirs)
    return float((ours * theirs).sum() / np.sqrt(untied))


def concordance(values: Float64Array, accuracy: Float64Array, cost: Float64Array) -> float:
    """Share of comparable pairs in the same order minus the share in opposite order."""
    near = np.abs(np.log(cost)[:, None] - np.log(cost)) <= np.log1p(NEARLY)
    pairs = near & (accuracy[:, None] > accuracy)
    agreement = np.sign(values[:, None] - values)[pairs]
    return float(agreement.mean()) if agreement.size else float("nan")
