"""Bayesian calibration of one number, the tilt of a score, from trained networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maenas.blocks import SpecError
from maenas.budgets.arrays import Float64Array
from maenas.evidence.agreement import Estimate

PRIOR_SD = 1.0  # of the tilt: e per level either way
STEPS = np.linspace(-5.0, 5.0, 1001)  # tilts of the grid
CORRELATIONS = np.linspace(0.0, 0.99, 100)  # of the score with accuracy; a score is no cost
FEWEST_NETWORKS = 4  # of a group that counts


@dataclass(frozen=True, slots=True)
class TiltPosterior:
    """What trained networks say about the tilt of a score.

    Attributes:
        tilts: (n,), grid of tilts.
        weights: (n,), posterior probability of each.
        networks: number of networks in groups that count.
        groups: number of those groups.
    """

    tilts: Float64Array
    weights: Float64Array
    networks: int
    groups: int

    @property
    def mean(self) -> float:
        """Posterior mean."""
        return float(self.weights @ self.tilts)

    @property
    def sd(self) -> float:
        """Posterior standard deviation."""
        return float(np.sqrt(self.weights @ (self.tilts - self.mean) ** 2))

    @property
    def interval(self) -> Estimate:
        """Posterior mean with the interval between the 2.5 % and 97.5 % quantiles."""
        total = np.cumsum(self.weights)
        low, high = (self.tilts[np.searchsorted(total, at)] for at in (0.025, 0.975))
        return Estimate(self.mean, float(low), float(high))


def tilt_posterior(
    levels: Sequence[Float64Array],
    accuracy: Float64Array,
    groups: NDArray[np.int64],
    prior_sd: float = PRIOR_SD,
) -> TiltPosterior:
    """The posterior of t in a score sum over l of exp(t l) a_l, with a normal prior at 0.

    Inside each group of equal cost, the normal scores of the accuracies (the quantiles of their
    ranks) are modelled as rho times the standardised score plus normal noise of variance
    1 - rho^2, with a uniform prior of rho over 0..1, which is integrated out.

    Args:
        levels: (n,), amount a_l of each level, finest first.
        accuracy: (n,), accuracy of each network.
        groups: (n,), group of comparable networks.
        prior_sd: standard deviation of the prior of t.
    Raises:
        SpecError: if no group has `FEWEST_NETWORKS` networks.
    """
    log_likelihood = np.zeros((len(STEPS), len(CORRELATIONS)))
    networks, counted = 0, 0
    stacked = np.stack(levels)
    factors = np.exp(STEPS[:, None] * np.arange(len(levels)))
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        if len(members) < FEWEST_NETWORKS or not np.ptp(accuracy[members]):
            continue
        scores = standardised(factors @ stacked[:, members])
        agreement = scores @ standardised(normal_scores(accuracy[members])) / len(members)
        log_likelihood += len(members) * log_density(agreement[:, None], CORRELATIONS)
        networks, counted = networks + len(members), counted + 1
    if not counted:
        raise SpecError(
            f"calibrate-score: needs a group of at least {FEWEST_NETWORKS} networks of equal cost "
            "with different accuracies."
        )
    log_prior = -0.5 * (STEPS / prior_sd) ** 2
    joint = np.exp(log_likelihood - log_likelihood.max()) * np.exp(log_prior)[:, None]
    weights = joint.sum(axis=1)
    return TiltPosterior(STEPS, weights / weights.sum(), networks, counted)


def expected_scores(
    posterior: TiltPosterior, levels: Sequence[Float64Array], others: Sequence[Float64Array]
) -> tuple[Float64Array, Float64Array]:
    """Mean and standard deviation over the posterior of the scores of other networks.

    For each tilt, a score counts in standard deviations from the mean of the trained networks, so
    that tilts whose scores are large numbers do not decide.

    Args:
        posterior: posterior of the tilt.
        levels: (n,), amount of each level of the trained networks, finest first.
        others: (m,), amount of each level of the networks to choose from.
    Returns:
        (m,) and (m,).
    """
    factors = np.exp(posterior.tilts[:, None] * np.arange(len(levels)))
    trained = factors @ np.stack(levels)
    spread = trained.std(axis=1, keepdims=True)
    scores = (factors @ np.stack(others) - trained.mean(axis=1, keepdims=True)) / spread
    mean = posterior.weights @ scores
    return mean, np.sqrt(posterior.weights @ (scores - mean) ** 2)


def log_density(agreement: Float64Array, rho: Float64Array) -> Float64Array:
    """Mean log density of standardised pairs with a sample correlation, given the true one."""
    noise = 1 - rho**2
    density: Float64Array = -0.5 * (np.log(noise) + (1 - 2 * rho * agreement + rho**2) / noise)
    return density


def standardised(values: Float64Array) -> Float64Array:
    """Values with mean 0 and variance 1 along the last axis; 0 where they are all equal."""
    centred = values - values.mean(axis=-1, keepdims=True)
    spread = centred.std(axis=-1, keepdims=True)
    found: Float64Array = centred / np.where(spread > 0, spread, 1.0)
    return found


def normal_scores(values: Float64Array) -> Float64Array:
    """Quantiles of the normal distribution at the ranks of the values."""
    from scipy.stats import norm, rankdata

    ranks: Float64Array = norm.ppf((rankdata(values) - 0.5) / len(values))
    return ranks
