"""The record of a search: every network once, the best networks, and the curve of the best."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maenas.blocks import Backbone
from maenas.blocks.files.boundary import parsing
from maenas.budgets.arrays import Float64Array
from maenas.nas.evaluator import Evaluation, Evaluator
from maenas.nas.history.journal import AGAIN, Chunk, Journal, JournalError
from maenas.nas.history.memory import Memory, Rows
from maenas.nas.history.sample import Sample, chosen_rows
from maenas.nas.ranking import best_within
from maenas.search_spaces.moves import Genomes

FINALISTS = 16


@dataclass(frozen=True, slots=True)
class SearchProgress:
    """Progress of a search; best score and price are None until a network meets the budgets."""

    evaluations: int
    unique: int
    accepted: int
    best_score: float | None
    best_price: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a search.

    Attributes:
        best: best network within every budget for each limit, None where there is none.
        finalists: (n, genes), best networks under the last limit, best first.
        evaluations: number of candidates proposed.
        unique: number of different candidates, which were evaluated.
        accepted: number of different candidates that meet every budget.
        curve: pairs (evaluations, best score) at each rise of the best score.
        prices: (unique,), cost of every network on the axis of `Problem.ranged`.
        scores: (unique,), score of every network.
        feasible: (unique,), whether the network meets every budget.
        solved: indices in `best` of networks that the exact solver found.
        sample: networks that stand for all within the budgets; None if none was recorded.
        latencies: (unique, devices), latency of every network on each of several devices; (0, 0)
            for one device.
    """

    best: tuple[Backbone | None, ...]
    finalists: Genomes
    evaluations: int
    unique: int
    accepted: int
    curve: tuple[tuple[int, float], ...]
    prices: Float64Array
    scores: Float64Array
    feasible: NDArray[np.bool_]
    solved: frozenset[int] = frozenset()
    sample: Sample | None = None
    latencies: Float64Array = field(default_factory=lambda: np.empty((0, 0)))


class Record:
    """All evaluations of a search, in memory and, if there is a journal, on disk.

    Args:
        evaluator: evaluator of the problem.
        limits: ascending limits on `Problem.ranged`.
        finalists: number of best networks to keep under each limit.
        journal: journal that stores every evaluated network; None for no journal.

    Attributes:
        memory: evaluations of all networks.
        evaluations: number of candidates proposed.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        limits: Sequence[float],
        finalists: int,
        journal: Journal | None,
    ) -> None:
        self._evaluator = evaluator
        self._journal = journal
        self.memory = Memory(len(evaluator.problem.axes))
        self.evaluations = 0
        self._accepted = 0
        self._curve: list[tuple[int, float]] = []
        self._top = Top(limits, finalists)

    def create(self) -> None:
        """Create an empty journal on disk, if there is a journal."""
        if self._journal is not None:
            self._journal.create()

    def resume(self, restore: Callable[[dict[str, Any], Genomes, Evaluation, Rows], None]) -> None:
        """Restore everything from the journal.

        Args:
            restore: function that receives the searcher's state and the genomes, evaluations and
                rows of the networks that the state names.
        Raises:
            JournalError: if its files are damaged.
        """
        assert self._journal is not None
        state, chunks = self._journal.read()
        with parsing(self._journal.state_path, error=JournalError, wrong="damaged", hint=AGAIN):
            kept = np.array(state["searcher"]["rows"], dtype=np.int64)
            if len(kept) and not 0 <= kept.min() <= kept.max() < state["rows"]:
                raise ValueError("rows beyond the history")
        genomes = self._restored(chunks, state["rows"], kept)
        with parsing(self._journal.state_path, error=JournalError, wrong="damaged", hint=AGAIN):
            restore(state["searcher"], genomes, self.memory.at(kept), kept)
            self._curve = [(int(count), float(score)) for count, score in state["curve"]]
        self.evaluations = state["evaluations"]
        self._journal.reopen(state)

    def _restored(self, chunks: Iterable[Chunk], count: int, kept: Rows) -> Genomes:
        """Fill the memory with all networks of the journal; return the genomes of some rows."""
        assert self._journal is not None
        genes = len(self._evaluator.problem.space.genes)
        genomes = np.empty((len(kept), genes), dtype=np.int16)
        self.memory.reserve(count)
        for chunk in chunks:
            first = len(self.memory)
            rows = self.memory.rows(chunk.genomes)
            if len(self.memory) - first != len(rows):
                raise JournalError(
                    f"{self._journal.history_path}: damaged (a network is listed twice)."
                )
            evaluation = self._evaluator.wrap(chunk.scores, chunk.costs, chunk.feasible)
            self.memory.add(first, evaluation)
            self._accepted += int(chunk.feasible.sum())
            self._top.add(chunk.genomes, evaluation)
            here = (first <= kept) & (kept < first + len(rows))
            genomes[here] = chunk.genomes[kept[here] - first]
        return genomes

    def add(
        self, first: int, genomes: Genomes, evaluation: Evaluation, lines: Sequence[str] = ()
    ) -> None:
        """Add new networks, whose rows begin at `first`.

        Args:
            lines: lines for the history, if a worker has formatted them.
        """
        if len(genomes):
            self.memory.add(first, evaluation)
            if self._journal is not None and lines:
                self._journal.append_lines(lines)
            elif self._journal is not None:
                self._journal.append(genomes, evaluation)
            self._accepted += int(evaluation.feasible.sum())
            self._top.add(genomes, evaluation)
        best = self._top.score
        if best is not None and (not self._curve or best > self._curve[-1][1]):
            self._curve.append((self.evaluations, best))

    def save(self, searcher: dict[str, Any]) -> None:
        """Write the state, so that a killed run can resume from here."""
        if self._journal is not None:
            self._journal.save(
                {"evaluations": self.evaluations, "curve": self._curve, "searcher": searcher}
            )

    def close(self) -> None:
        """Close the journal, if there is one."""
        if self._journal is not None:
            self._journal.close()

    def progress(self) -> SearchProgress:
        """The progress of the search."""
        return SearchProgress(
            self.evaluations, len(self.memory), self._accepted, self._top.score, self._top.price
        )

    def outcome(self) -> Outcome:
        """The result of the search so far."""
        space = self._evaluator.problem.space
        best = tuple(
            None if genome is None else space.decode(genome.tolist())
            for genome in self._top.best_under_each()
        )
        return Outcome(
            best,
            self._top.finalists(),
            self.evaluations,
            len(self.memory),
            self._accepted,
            tuple(self._curve),
            self.memory.prices,
            self.memory.scores,
            self.memory.feasible,
            sample=self._sample(),
            latencies=self._evaluator.latencies(self.memory.costs),
        )

    def _sample(self) -> Sample | None:
        """Networks that stand for all within the budgets; None if there is none."""
        if not self._accepted:
            return None
        memory = self.memory
        rows, counts, best, rises = chosen_rows(
            memory.scores, memory.prices, memory.feasible, [score for _, score in self._curve]
        )
        found = memory.at(rows)
        genomes = memory.genomes(rows)
        return Sample(genomes, found.scores, found.prices, found.costs, counts, best, rises)


class Top:
    """The best feasible networks so far under each limit."""

    def __init__(self, limits: Sequence[float], keep: int) -> None:
        self._keep = keep
        self._limits = tuple(limits)
        self._genomes: Genomes | None = None
        self._scores = np.empty(0)
        self._prices = np.empty(0)

    def add(self, genomes: Genomes, evaluation: Evaluation) -> None:
        """Add a batch of evaluated networks."""
        ok = evaluation.feasible
        new = genomes[ok]
        together = new if self._genomes is None else np.concatenate([self._genomes, new])
        scores = np.concatenate([self._scores, evaluation.scores[ok]])
        prices = np.concatenate([self._prices, evaluation.prices[ok]])
        keep = best_within(scores, prices, self._limits, self._keep)
        self._genomes, self._scores, self._prices = together[keep], scores[keep], prices[keep]

    @property
    def score(self) -> float | None:
        """Score of the best network under all limits; None if there is none."""
        return float(self._scores[0]) if len(self._scores) else None

    @property
    def price(self) -> float | None:
        """Price of the best network under all limits; None if there is none."""
        return float(self._prices[0]) if len(self._prices) else None

    def best_under_each(self) -> list[Genomes | None]:
        """The best network under each limit."""
        found: list[Genomes | None] = []
        for limit in self._limits:
            within = best_within(self._scores, self._prices, [limit], 1)
            found.append(self._genomes[within[0]] if within and self._genomes is not None else None)
        return found

    def finalists(self) -> Genomes:
        """The best networks under the last limit, best first."""
        if self._genomes is None:
            return np.empty((0, 0), dtype=np.int16)
        rows = best_within(self._scores, self._prices, self._limits[-1:], self._keep)
        # Two stages of one resolution can exchange units without a change of the network: keep one.
        distinct = {(self._scores[row], self._prices[row]): row for row in reversed(rows)}
        return self._genomes[sorted(distinct.values(), key=rows.index)]
