"""Rank correlations against plain code."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from maenas.evidence.agreement import (
    FEWEST,
    NEARLY,
    Estimate,
    attainable,
    concordance,
    estimate,
    kendall,
    mean_spearman,
)


def test_the_mean_correlation_weighs_groups_by_their_size_and_skips_small_ones() -> None:
    rng = np.random.default_rng(0)
    sizes = (FEWEST, 3 * FEWEST, FEWEST - 1)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    values, accuracy = rng.integers(0, 8, (2, sum(sizes))).astype(float)
    parts = [spearmanr(values[groups == g], accuracy[groups == g])[0] for g in (0, 1)]
    shuffled = rng.permutation(len(groups))
    found = mean_spearman(values[shuffled], accuracy[shuffled], groups[shuffled])
    assert found == pytest.approx((parts[0] + 3 * parts[1]) / 4)


def test_concordance_counts_pairs_of_nearly_equal_cost() -> None:
    rng = np.random.default_rng(1)
    values, accuracy, cost = rng.uniform(1, 2, (3, 40))
    signs = [
        np.sign((values[i] - values[j]) * (accuracy[i] - accuracy[j]))
        for i, j in combinations(range(40), 2)
        if max(cost[i] / cost[j], cost[j] / cost[i]) <= 1 + NEARLY
    ]
    assert concordance(values, accuracy, cost) == pytest.approx(np.mean(signs))


def test_kendall_leaves_ties_out() -> None:
    values, accuracy = np.random.default_rng(2).integers(0, 5, (2, 30)).astype(float)
    assert kendall(values, accuracy) == pytest.approx(kendalltau(values, accuracy)[0])


def test_an_interval_holds_the_draws_of_networks_with_replacement() -> None:
    values = np.random.default_rng(3).normal(1.0, 2.0, 400)
    found = estimate(lambda chosen: float(values[chosen].mean()), len(values))
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * 2.0 / 20, rel=0.15)
    assert found.is_clear


@pytest.mark.parametrize("noise", [0.3, 1.0, 1.5])
def test_a_score_without_error_agrees_by_the_root_of_what_two_seeds_agree_by(noise: float) -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=20_000)
    first, second = truth + noise * rng.normal(size=(2, len(truth)))
    seeds = float(spearmanr(first, second)[0])
    expected = float(spearmanr(truth, first)[0])
    assert attainable(Estimate(seeds, seeds, seeds)).value == pytest.approx(expected, abs=0.02)


def test_seeds_that_disagree_leave_nothing_to_attain() -> None:
    assert attainable(Estimate(-0.1, -0.5, 0.25)) == Estimate(0.0, 0.0, 0.5)
