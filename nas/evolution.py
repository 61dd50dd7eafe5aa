"""Evolution: children of good networks, the best survive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.evaluator import Evaluation, Floats
from nas.searcher import Searcher, best_within, rng_from, rng_state
from search_spaces.moves import Genomes, Moves

POPULATION = 256
TOURNAMENT = 2


class Evolution(Searcher):
    """Steady evolution by mutation and crossover of whole stages, survival of the best.

    With several limits on the ranged quantity a part of the population lives under each, so one
    run yields a family.

    Args:
        moves: of the space.
        rng: all randomness.
        start: (n, genes), the first population's seed; at least one genome that meets the budgets.
        limits: ascending limits on the price told with each genome; the last is the budget.
    """

    def __init__(
        self, moves: Moves, rng: np.random.Generator, start: Genomes, limits: Sequence[float]
    ) -> None:
        self._moves = moves
        self._rng = rng
        self._limits = tuple(limits)
        self._keep = max(POPULATION // len(limits), 64)
        self._asked_first = False
        self._start = start
        self.genomes: Genomes = start[:0]
        self.scores: Floats = np.empty(0)
        self.prices: Floats = np.empty(0)
        self._rows: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def ask(self, count: int) -> Genomes:
        if not self._asked_first:
            self._asked_first = True
            drawn = self._moves.sample(self._rng, max(0, count - len(self._start)))
            return np.concatenate([self._start, drawn])[:count]
        population = self.genomes if len(self.genomes) else self._start
        parents = population[self._select(count, len(population))]
        mates = population[self._rng.integers(len(population), size=count)]
        return self._moves.mutate(self._rng, parents, mates)

    def _select(self, count: int, size: int) -> NDArray[np.int64]:
        """Places of parents: the best of a few drawn; the population is sorted, best first."""
        drawn = self._rng.integers(size, size=(count, TOURNAMENT))
        if len(self._limits) > 1:
            return drawn[:, 0]  # a tournament would breed only under the loosest limit
        winners: NDArray[np.int64] = drawn.min(axis=1)
        return winners

    def tell(self, genomes: Genomes, evaluation: Evaluation, rows: NDArray[np.int64]) -> None:
        ok = evaluation.feasible
        all_genomes = np.concatenate([self.genomes, genomes[ok]])
        scores = np.concatenate([self.scores, evaluation.scores[ok]])
        prices = np.concatenate([self.prices, evaluation.prices[ok]])
        all_rows = np.concatenate([self._rows, rows[ok]])
        keep = best_within(scores, prices, self._limits, self._keep)
        self.genomes, self.scores = all_genomes[keep], scores[keep]
        self.prices, self._rows = prices[keep], all_rows[keep]

    def state(self) -> dict[str, Any]:
        return {
            "rng": rng_state(self._rng),
            "asked_first": self._asked_first,
            "rows": self._rows.tolist(),
        }

    def restore(
        self, state: Mapping[str, Any], genomes: Genomes, evaluation: Evaluation
    ) -> None:
        self._rng = rng_from(state["rng"])
        self._asked_first = state["asked_first"]
        self._rows = np.array(state["rows"], dtype=np.int64)
        self.genomes, self.scores, self.prices = genomes, evaluation.scores, evaluation.prices
