"""Statistics of the page on evidence against plain code, and the page against its rows."""

from __future__ import annotations

import csv
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import spearmanr

from benchmarks.bench_evidence import (
    FEWEST,
    NEARLY,
    PAGE,
    TABLE,
    Evidence,
    as_markdown,
    concordance,
    mean_spearman,
    weighted,
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


def test_weights_belong_to_the_coarsest_levels() -> None:
    entropy = [np.array([1.0]), np.array([2.0]), np.array([4.0])]
    assert weighted(entropy, (1.0, 6.0)) == pytest.approx(3 + 6 * 7)


def test_the_table_of_the_page_is_that_of_the_rows() -> None:
    with TABLE.open(encoding="utf-8") as file:
        rows = [
            Evidence(
                row["comparison"],
                row["feature"],
                *(float(row[name]) for name in ("value", "low", "high")),
                networks=int(row["networks"]),
            )
            for row in csv.DictReader(file)
        ]
    assert as_markdown(rows) in PAGE.read_text(encoding="utf-8")
