"""The networks that stand for all networks of a search."""

from __future__ import annotations

import numpy as np

from maenas.nas.history.sample import Sample, best_of_cells, chosen_rows, non_dominated


def cloud(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores, prices = rng.normal(size=count), rng.random(count)
    return scores, prices, rng.random(count) < 0.7


def test_every_network_within_the_budgets_is_counted_once() -> None:
    scores, prices, feasible = cloud(20_000)
    rows, counts, _, _ = chosen_rows(scores, prices, feasible, [])
    assert counts.sum() == feasible.sum()
    assert np.count_nonzero(counts) <= 2_500
    assert len(set(rows.tolist())) == len(rows)
    assert feasible[rows].all()


def test_a_cell_is_shown_by_its_best_network() -> None:
    scores, prices, _ = cloud(20_000)
    best, counts = best_of_cells(scores, prices, most=2_500)
    assert counts.sum() == 20_000
    assert int(np.argmax(scores)) in best.tolist()
    side = 48  # the first grid that is coarse enough
    x = np.minimum((prices - prices.min()) / np.ptp(prices) * side, side - 1).astype(int)
    y = np.minimum((scores - scores.min()) / np.ptp(scores) * side, side - 1).astype(int)
    crowded = np.bincount(side * x + y).argmax()
    mine = np.flatnonzero(side * x + y == crowded)
    assert scores[mine].max() in scores[best]


def test_the_front_is_that_of_plain_loops() -> None:
    scores, prices, _ = cloud(300)
    slow = [
        index
        for index in range(300)
        if not any(
            (prices[other] <= prices[index] and scores[other] > scores[index])
            or (prices[other] < prices[index] and scores[other] == scores[index])
            for other in range(300)
        )
    ]
    assert sorted(non_dominated(scores, prices).tolist()) == slow


def test_all_of_the_front_and_of_the_rises_are_kept() -> None:
    scores, prices, feasible = cloud(20_000)
    inside = np.flatnonzero(feasible)
    rises = np.maximum.accumulate(scores[inside])
    risen = sorted(set(rises.tolist()))
    rows, _, best, found = chosen_rows(scores, prices, feasible, risen)
    assert rows[best].tolist() == inside[non_dominated(scores[inside], prices[inside])].tolist()
    assert scores[rows[found]].tolist() == risen
    assert np.diff(prices[rows[best]]).min() > 0


def test_networks_of_one_cost_fill_one_column() -> None:
    scores = np.arange(10.0)
    rows, counts, best, _ = chosen_rows(scores, np.ones(10), np.ones(10, dtype=bool), [])
    assert counts.sum() == 10
    assert rows[best].tolist() == [9]


def test_a_search_without_candidates_within_the_budgets_has_no_rows() -> None:
    rows, counts, best, rises = chosen_rows(np.ones(3), np.ones(3), np.zeros(3, dtype=bool), [2.0])
    assert (len(rows), len(counts), len(best)) == (0, 0, 0)
    assert rises.tolist() == [-1]


def test_a_coarser_sample_counts_the_same_networks_and_keeps_the_front() -> None:
    scores, prices, feasible = cloud(20_000)
    inside = np.flatnonzero(feasible)
    risen = sorted(set(np.maximum.accumulate(scores[inside]).tolist()))
    rows, counts, best, rises = chosen_rows(scores, prices, feasible, risen)
    costs = np.zeros((len(rows), 5))
    fine = Sample(rows[:, None], scores[rows], prices[rows], costs, counts, best, rises)
    coarse = fine.coarser(700)
    assert coarse.cells <= 700 < fine.cells
    assert coarse.counts.sum() == feasible.sum()
    assert coarse.scores[coarse.best].tolist() == fine.scores[fine.best].tolist()
    assert coarse.scores[coarse.rises].tolist() == risen
    assert fine.coarser(2_500) is fine
