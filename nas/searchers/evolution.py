"""Evolution: mutate and cross good networks, and keep the best."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from maenas.blocks.errors import SpecError, positive
from maenas.budgets.arrays import Float64Array
from maenas.nas.evaluator import Evaluation
from maenas.nas.searchers.searcher import Searcher, rng_from, rng_state
from maenas.search_spaces.moves import Genomes, Moves


@dataclass(frozen=True, slots=True, kw_only=True)
class EvolutionOptions:
    """Constants of an evolution, chosen for the share of the certified optimum that it reaches.

    The share was measured at 20,000 candidates by benchmarks/bench_quality.py.

    Attributes:
        first: number of random networks that a population begins with.
        population: number of survivors under each limit.
        tighter: shares of the smallest limit that serve as additional limits if at most three are
            given: smaller networks help to pass the local optima of a latency model.
        niche: largest number of survivors with the same widths, because widths are hard to change
            once all members share them.
        tournament: number of members drawn, of which the best becomes a parent.
        patience: number of candidates without improvement after which a population has converged.
        elite: number of networks kept from a converged population for a later merge.
        fresh: number of populations started from random networks before their elites are merged.
    """

    first: int = 512
    population: int = 32
    tighter: tuple[float, ...] = (0.8, 0.9, 0.95)
    niche: int = 4
    tournament: int = 3
    patience: int = 2_000
    elite: int = 32
    fresh: int = 2

    def __post_init__(self) -> None:
        numbers = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "tighter"}
        positive("evolution", **numbers)
        if not all(0 < share < 1 for share in self.tighter):
            raise SpecError(
                f"evolution: tighter must be shares between 0 and 1, got {list(self.tighter)}."
            )


@dataclass(frozen=True, slots=True)
class Population:
    """Networks that meet every budget, best first.

    Attributes:
        genomes: (n, genes), genomes of the members.
        scores: (n,), score of each member.
        prices: (n,), cost of each member in the quantity of `Problem.ranged`.
        rows: (n,), indices of the members in the history.
    """

    genomes: Genomes
    scores: Float64Array
    prices: Float64Array
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

    def at(self, positions: Sequence[int] | slice) -> Population:
        """The members at some indices."""
        index = positions if isinstance(positions, slice) else np.array(positions, dtype=np.int64)
        return Population(
            self.genomes[index], self.scores[index], self.prices[index], self.rows[index]
        )


class Evolution(Searcher):
    """Evolution by mutation and crossover of whole stages, with elitist survival and restarts.

    The survivors are the best of the population and its children under each limit, with at most
    `niche` of the same widths. When a population stops improving, its elite is stored and a new
    population starts from random networks. After `fresh` populations the stored elites form one
    population; then the cycle repeats. Several limits yield a family of networks in one run; up to
    three limits are extended by tighter ones.

    Args:
        moves: source of random genomes and mutations of the space.
        rng: random generator of the evolution.
        start: (n, genes), networks of the first batch; one of them should meet the budgets.
        limits: ascending limits on the price of a network; the last is the budget.
        options: constants of the evolution.
    """

    name: ClassVar[str] = "evolution"

    def __init__(
        self,
        moves: Moves,
        rng: np.random.Generator,
        start: Genomes,
        limits: Sequence[float],
        options: EvolutionOptions = EvolutionOptions(),
    ) -> None:
        self._options = options
        self._moves = moves
        self._rng = rng
        self._wanted = tuple(limits)
        tighter = [share * limits[0] for share in options.tighter] if len(limits) < 4 else []
        self._limits = (*tighter, *limits)
        self._start = start
        self._width_columns = [
            column for column, gene in enumerate(moves.genes) if gene.field == "out_channels"
        ]
        nothing = np.empty(0)
        self._nobody = Population(start[:0], nothing, nothing, np.empty(0, dtype=np.int64))
        self._population = self._nobody
        self._elites = self._nobody
        self._drawn = 0  # number of random networks drawn for this population
        self._fresh = 1  # number of populations since the last merge of elites, with this one
        self._met = 0  # number of requested limits that some member meets
        self._height = 0.0  # sum of the best scores under these limits
        self._since = 0  # number of candidates proposed since the last improvement

    def ask(self, count: int) -> Genomes:
        if self._drawn < self._options.first:
            first = self._start[:count] if self._drawn == 0 else self._start[:0]
            # Only tight budgets need small networks.
            small_too = self._drawn < self._options.first // 2
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
        if self._since > self._options.patience:
            self._begin_anew()
        return self._moves.mutate(self._rng, parents, mates)

    def tell(self, genomes: Genomes, evaluation: Evaluation, rows: NDArray[np.int64]) -> None:
        evaluated = Population(genomes, evaluation.scores, evaluation.prices, rows)
        new = evaluation.feasible & ~np.isin(rows, self._population.rows)
        everyone = self._population + evaluated.at(np.flatnonzero(new).tolist())
        self._population = everyone.at(self._survivors(everyone))
        tops = self._tops()
        met, height = len(tops), sum(tops)
        if (met, height) > (self._met, self._height):
            self._met, self._height, self._since = met, height, 0

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
        self._met = len(self._tops())

    def _tops(self) -> list[float]:
        """Best score under each requested limit that some member of the population meets."""
        within = (self._population.prices <= limit for limit in self._wanted)
        return [float(self._population.scores[met].max()) for met in within if met.any()]

    def _select(self, count: int) -> NDArray[np.int64]:
        """Indices of the parents: each wins a tournament under a limit that is drawn for it."""
        under = [np.flatnonzero(self._population.prices <= limit) for limit in self._limits]
        under = [positions for positions in under if len(positions)]
        limit = self._rng.integers(len(under), size=count)
        sizes = np.array([len(positions) for positions in under])[limit]
        # The population is sorted, so the smallest index drawn is the best member.
        drawn = self._rng.random((count, self._options.tournament)).min(axis=1)
        position = (drawn * sizes).astype(np.int64)
        starts = np.concatenate([[0], np.cumsum([len(positions) for positions in under])])[limit]
        parents: NDArray[np.int64] = np.concatenate(under)[starts + position]
        return parents

    def _survivors(self, everyone: Population) -> list[int]:
        """Indices of the best under each limit, at most `niche` of the same widths, best first."""
        order = np.lexsort((everyone.prices, -everyone.scores)).tolist()
        widths = [key.tobytes() for key in everyone.genomes[:, self._width_columns]]
        chosen: set[int] = set()
        for limit in self._limits:
            crowd: Counter[bytes] = Counter()
            kept = 0
            for index in order:
                if everyone.prices[index] > limit or crowd[widths[index]] == self._options.niche:
                    continue
                crowd[widths[index]] += 1
                chosen.add(index)
                kept += 1
                if kept == self._options.population:
                    break
        return [index for index in order if index in chosen]

    def _begin_anew(self) -> None:
        """Store the elite and restart from random networks, or from the stored elites."""
        self._elites += self._population.at(slice(0, self._options.elite * len(self._wanted)))
        if self._fresh == self._options.fresh:
            _, once = np.unique(self._elites.rows, return_index=True)
            elites = self._elites.at(once.tolist())
            self._population = elites.at(self._survivors(elites))
            self._elites = self._nobody
            self._fresh = 0
        else:
            self._population = self._nobody
            self._fresh += 1
            self._drawn = 0
        self._met, self._height, self._since = 0, 0.0, 0
