"""The evaluations of all networks so far, so that each network is evaluated only once."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from maenas.budgets.arrays import Float64Array
from maenas.nas.evaluator import Evaluation
from maenas.search_spaces.moves import Genomes

Rows = NDArray[np.int64]
Number = TypeVar("Number", np.float64, np.bool_)


class Memory:
    """Evaluations by genome; the row of a network is its index in order of first proposal."""

    def __init__(self, axes: int) -> None:
        self._row_of: dict[bytes, int] = {}
        self._scores = np.empty(1024)
        self._prices = np.empty(1024)
        self._costs = np.empty((1024, axes))
        self._feasible = np.empty(1024, dtype=bool)

    def __len__(self) -> int:
        return len(self._row_of)

    def rows(self, genomes: Genomes) -> Rows:
        """(n,) rows of (n, genes) genomes; a new genome gets the next row, which `add` fills."""
        row_of = self._row_of
        return np.array(
            [row_of.setdefault(key, len(row_of)) for key in map(bytes, genomes)], dtype=np.int64
        )

    def add(self, first: int, evaluation: Evaluation) -> None:
        """Fill the rows from `first` on."""
        end = first + len(evaluation.scores)
        if end > len(self._scores):
            self.reserve(max(end, 2 * len(self._scores)))
        self._scores[first:end] = evaluation.scores
        self._prices[first:end] = evaluation.prices
        self._costs[first:end] = evaluation.costs
        self._feasible[first:end] = evaluation.feasible

    def reserve(self, count: int) -> None:
        """Make room for `count` networks in all."""
        self._scores = _grown(self._scores, count)
        self._prices = _grown(self._prices, count)
        self._costs = _grown(self._costs, count)
        self._feasible = _grown(self._feasible, count)

    def at(self, rows: Rows) -> Evaluation:
        """The evaluations of some rows."""
        return Evaluation(
            self._scores[rows], self._costs[rows], self._feasible[rows], self._prices[rows]
        )

    def genomes(self, rows: Rows) -> Genomes:
        """(n, genes) genomes of some rows."""
        keys = list(self._row_of)
        chosen = b"".join(keys[row] for row in rows.tolist())
        return np.frombuffer(chosen, dtype=np.int16).reshape(len(rows), -1)

    @property
    def scores(self) -> Float64Array:
        """(networks,), score of every network."""
        return self._scores[: len(self)]

    @property
    def prices(self) -> Float64Array:
        """(networks,), cost on the axis of `Problem.ranged`."""
        return self._prices[: len(self)]

    @property
    def costs(self) -> Float64Array:
        """(networks, axes), costs of every network."""
        return self._costs[: len(self)]

    @property
    def feasible(self) -> NDArray[np.bool_]:
        """(networks,), whether every budget is met."""
        return self._feasible[: len(self)]


def _grown(values: NDArray[Number], count: int) -> NDArray[Number]:
    """The same values with room for `count`; the room is taken from the system as it is filled."""
    if count <= len(values):
        return values
    grown = np.empty((count, *values.shape[1:]), values.dtype)
    grown[: len(values)] = values
    return grown
