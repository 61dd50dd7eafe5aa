"""Evolution: children of good networks, the best survive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maenas.nas.evaluator import Evaluation, Floats
from maenas.nas.searchers.searcher import Searcher, rng_from, rng_state
from maenas.search_spaces.moves import Genomes, Moves

# Chosen by the share of the certified optimum at 20,000 candidates, benchmarks/bench_quality.py.
FIRST = 512  # random networks that a population begins with
POPULATION = 32  # survivors under each limit
TIGHTER = (0.8, 0.9, 0.95)  # limits beside the budget: from below one gets around its obstacles
NICHE = 4  # most survivors with the same widths: widths are hard to change once all agree
TOURNAMENT = 3
PATIENCE = 2_000  # candidates without a better one after which a population has converged
ELITE = 32  # of a converged population, kept to meet the others'
FRESH = 2  # populations begun anew before their elites meet


@dataclass(frozen=True, slots=True)
class Population:
    """Networks that met every budget, best first.

    Attributes:
        genomes: (n, genes).
        scores: (n,).
        prices: (n,).
        rows: (n,), places in the history.
    """

    genomes: Genomes
    scores: Floats
    prices: Floats
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.scores)

    def __add__(self, other: Population) -> Population:
        return Population(
            np.concatenate([self.genomes, other.genomes]),
            np.concatenate([self.scores, other.scores]),
            np.concatenate([self.prices, other.prices]),
            np.concatenate([self.rows, other.rows]),
        )

    def at(self, places: Sequence[int] | slice) -> Population:
        """The members at some places."""
        index = places if isinstance(places, slice) else np.array(places, dtype=np.int64)
        return Population(
            self.genomes[index], self.scores[index], self.prices[index], self.rows[index]
        )


class Evolution(Searcher):
    """Evolution by mutation and crossover of whole stages, survival of the best, restarts.

    Survivors are the best of the population and its children under each limit, with at most
    `NICHE` of the same widths. A population that no longer improves leaves its elite behind;
    after `FRESH` of them the elites meet in one population, then all begins anew. Several limits
    yield a family in one run; a few are joined by tighter ones.

    Args:
        moves: of the space.
        rng: all randomness.
        start: (n, genes), networks among the first; at least one that meets the budgets helps.
        limits: ascending limits on the price told with each genome; the last is the budget.
    """

    def __init__(
        self, moves: Moves, rng: np.random.Generator, start: Genomes, limits: Sequence[float]
    ) -> None:
        self._moves = moves
        self._rng = rng
        self._wanted = tuple(limits)
        tighter = [share * limits[0] for share in TIGHTER] if len(limits) < 4 else []
        self._limits = (*tighter, *limits)
        self._start = start
        self._width_columns = [
            column for column, gene in enumerate(moves.genes) if gene.field == "out_channels"
        ]
        nothing = np.empty(0)
        self._nobody = Population(start[:0], nothing, nothing, np.empty(0, dtype=np.int64))
        self._population = self._nobody
        self._elites = self._nobody
        self._drawn = 0  # random networks this population began with
        self._fresh = 1  # populations begun since elites last met, this one included
        self._height = 0.0  # sum of the best scores under the limits wanted
        self._since = 0  # candidates told of since it rose

    def ask(self, count: int) -> Genomes:
        if self._drawn < FIRST:
            first = self._start[:count] if self._drawn == 0 else self._start[:0]
            small_too = self._drawn < FIRST // 2  # tight budgets need them, loose ones do not
            drawn = self._moves.sample(self._rng, count - len(first), all_sizes=small_too)
            self._drawn += count
            return np.concatenate([first, drawn])
        if len(self._population):
            genomes = self._population.genomes
            parents = genomes[self._select(count)]
        else:
            genomes = self._start
            parents = genomes[self._rng.integers(len(genomes), size=count)]
        mates = genomes[self._rng.integers(len(genomes), size=count)]
        self._since += count
        if self._since > PATIENCE:
            self._begin_anew()
        return self._moves.mutate(self._rng, parents, mates)

    def tell(self, genomes: Genomes, evaluation: Evaluation, rows: NDArray[np.int64]) -> None:
        told = Population(genomes, evaluation.scores, evaluation.prices, rows)
        new = evaluation.feasible & ~np.isin(rows, self._population.rows)
        everyone = self._population + told.at(np.flatnonzero(new).tolist())
        self._population = everyone.at(self._survivors(everyone))
        height = sum(
            float(self._population.scores[self._population.prices <= limit].max(initial=0.0))
            for limit in self._wanted
        )
        if height > self._height:
            self._height, self._since = height, 0

    def state(self) -> dict[str, Any]:
        return {
            "rng": rng_state(self._rng),
            "rows": [*self._population.rows.tolist(), *self._elites.rows.tolist()],
            "population": len(self._population),
            "drawn": self._drawn,
            "fresh": self._fresh,
            "height": self._height,
            "since": self._since,
        }

    def restore(
        self,
        state: Mapping[str, Any],
        genomes: Genomes,
        evaluation: Evaluation,
    ) -> None:
        self._rng = rng_from(state["rng"])
        rows = np.array(state["rows"], dtype=np.int64)
        everyone = Population(genomes, evaluation.scores, evaluation.prices, rows)
        self._population = everyone.at(slice(0, state["population"]))
        self._elites = everyone.at(slice(state["population"], None))
        self._drawn, self._fresh = state["drawn"], state["fresh"]
        self._height, self._since = state["height"], state["since"]

    def _select(self, count: int) -> NDArray[np.int64]:
        """Places of parents: under a limit drawn for each, the best of a few drawn there."""
        under = [np.flatnonzero(self._population.prices <= limit) for limit in self._limits]
        under = [places for places in under if len(places)]
        limit = self._rng.integers(len(under), size=count)
        sizes = np.array([len(places) for places in under])[limit]
        drawn = self._rng.random((count, TOURNAMENT)).min(axis=1)  # the population is sorted
        place = (drawn * sizes).astype(np.int64)
        starts = np.concatenate([[0], np.cumsum([len(places) for places in under])])[limit]
        parents: NDArray[np.int64] = np.concatenate(under)[starts + place]
        return parents

    def _survivors(self, everyone: Population) -> list[int]:
        """Places of the best under each limit, few of the same widths, best first."""
        order = np.lexsort((everyone.prices, -everyone.scores)).tolist()
        widths = [key.tobytes() for key in everyone.genomes[:, self._width_columns]]
        chosen: set[int] = set()
        for limit in self._limits:
            crowd: Counter[bytes] = Counter()
            kept = 0
            for place in order:
                if everyone.prices[place] > limit or crowd[widths[place]] == NICHE:
                    continue
                crowd[widths[place]] += 1
                chosen.add(place)
                kept += 1
                if kept == POPULATION:
                    break
        return [place for place in order if place in chosen]

    def _begin_anew(self) -> None:
        """Leave the elite behind; start from random networks, or from the elites that wait."""
        self._elites += self._population.at(slice(0, ELITE * len(self._wanted)))
        if self._fresh == FRESH:
            _, once = np.unique(self._elites.rows, return_index=True)
            elites = self._elites.at(once.tolist())
            self._population = elites.at(self._survivors(elites))
            self._elites = self._nobody
            self._fresh = 0
        else:
            self._population = self._nobody
            self._fresh += 1
            self._drawn = 0
        self._height, self._since = 0.0, 0
