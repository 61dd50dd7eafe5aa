"""A sample of the networks of a search that shows where all of them lie, for its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maenas.budgets.arrays import Float64Array
from maenas.search_spaces.moves import Genomes

MOST_CELLS = 2_500
SIDES = (160, 128, 96, 80, 64, 48, 32, 24)  # cells along each axis; the finest that is not too many
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sample:
    """Networks of a search that stand for all of its networks within the budgets.

    Attributes:
        genomes: (n, genes), networks: those of the cells first, then those shown for themselves.
        scores: (n,), score of each network.
        prices: (n,), cost of each network on the axis of `Problem.ranged`.
        costs: (n, axes), costs in the order of the evaluator.
        counts: (n,), number of networks in the cell of each network; 0 if it is shown for itself.
        best: indices of networks that no other network beats in cost and score, cheapest first.
        rises: index of the network of each rise of the best score; -1 if none has this score.
    """

    genomes: Genomes
    scores: Float64Array
    prices: Float64Array
    costs: Float64Array
    counts: Indices
    best: Indices
    rises: Indices

    @property
    def cells(self) -> int:
        """Number of networks that stand for a cell."""
        return int(np.count_nonzero(self.counts))

    def coarser(self, most: int) -> Sample:
        """The sample with at most so many cells, where larger cells suffice; the rest is kept."""
        cells = self.cells
        if cells <= most:
            return self
        kept, counts = best_of_cells(
            self.scores[:cells], self.prices[:cells], most, self.counts[:cells]
        )
        named = np.unique([*self.best.tolist(), *self.rises[self.rises >= 0].tolist()])
        alone = np.setdiff1d(named, kept).astype(np.int64)
        rows = np.concatenate([kept, alone])
        place = np.full(len(self.scores), -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        rises = np.where(self.rises >= 0, place[self.rises], -1)
        return Sample(
            self.genomes[rows],
            self.scores[rows],
            self.prices[rows],
            self.costs[rows],
            np.concatenate([counts, np.zeros(len(alone), dtype=np.int64)]),
            place[self.best],
            rises,
        )


def chosen_rows(
    scores: Float64Array,
    prices: Float64Array,
    feasible: NDArray[np.bool_],
    rises: Sequence[float],
    most: int = MOST_CELLS,
) -> tuple[Indices, Indices, Indices, Indices]:
    """Rows of the networks of a sample, their counts, and where its front and the rises lie.

    Args:
        scores: (n,), score of every network.
        prices: (n,), cost of every network.
        feasible: (n,), whether the network meets every budget.
        rises: scores at which the best score rose.
        most: largest number of cells.
    Returns:
        Rows, count of each row, and the indices in these rows of the best and of the rises.
    """
    inside = np.flatnonzero(feasible)
    cells, counts = best_of_cells(scores[inside], prices[inside], most)
    front = inside[non_dominated(scores[inside], prices[inside])]
    first: dict[float, int] = {}
    same = inside[np.isin(scores[inside], np.asarray(rises, dtype=np.float64))]
    for row in same[::-1].tolist():
        first[float(scores[row])] = row
    risen = [first.get(score, -1) for score in rises]
    shown = inside[cells]
    alone = np.setdiff1d([*front.tolist(), *(row for row in risen if row >= 0)], shown)
    rows = np.concatenate([shown, alone.astype(np.int64)])
    place = {row: index for index, row in enumerate(rows.tolist())}
    return (
        rows,
        np.concatenate([counts, np.zeros(len(alone), dtype=np.int64)]),
        np.array([place[row] for row in front.tolist()], dtype=np.int64),
        np.array([place.get(row, -1) for row in risen], dtype=np.int64),
    )


def best_of_cells(
    scores: Float64Array, prices: Float64Array, most: int, weights: Indices | None = None
) -> tuple[Indices, Indices]:
    """The best network of each cell of a grid over cost and score, and the networks in the cell.

    Args:
        scores: (n,), score of every network.
        prices: (n,), cost of every network.
        most: largest number of cells, unless the coarsest grid has more.
        weights: (n,), number of networks that each stands for; None for one each.
    """
    if len(scores) == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    for side in SIDES:
        cells = side * _steps(prices, side) + _steps(scores, side)
        counts = np.bincount(cells, minlength=side * side)
        if np.count_nonzero(counts) <= most:
            break
    best = np.full(side * side, -1, dtype=np.int64)
    order = np.argsort(scores, kind="stable")
    best[cells[order]] = order  # the last one written to a cell has its highest score
    taken = np.flatnonzero(counts)
    totals = np.bincount(cells, weights, minlength=side * side)
    return best[taken], totals[taken].astype(np.int64)


def _steps(values: Float64Array, side: int) -> Indices:
    """The step of each value among `side` equal steps from the lowest to the highest."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.zeros(len(values), dtype=np.int64)
    return np.minimum((values - low) * (side / (high - low)), side - 1).astype(np.int64)


def non_dominated(scores: Float64Array, prices: Float64Array) -> Indices:
    """Indices of networks that score more than all that cost as much or less, cheapest first."""
    order = np.lexsort((-scores, prices))
    before = np.concatenate([[-np.inf], np.maximum.accumulate(scores[order])[:-1]])
    return order[scores[order] > before]
