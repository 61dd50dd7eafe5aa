"""Islands: populations that evolve separately and periodically exchange their best networks.

An interval of an island is the set of candidates between two exchanges. It is a pure task: it takes
a state and returns a state. The result of the search is therefore the same in one process, in
several processes and on a cluster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from maenas.nas.evaluator import Evaluation, Evaluator
from maenas.nas.executors import Executor, Shared
from maenas.nas.history.journal import Journal, history_lines
from maenas.nas.history.memory import Memory, Rows
from maenas.nas.history.record import Outcome, Record, SearchProgress
from maenas.nas.problem import Problem
from maenas.nas.ranking import best_within
from maenas.nas.search import BATCH, MAX_EMPTY_ASKS, SAVE_EVERY_S, Settings
from maenas.nas.searchers.searcher import SearcherFactory
from maenas.search_spaces.moves import Genomes, Moves

MIGRANTS = 4  # networks under each limit that are sent to the next island


def search_islands(
    evaluator: Evaluator,
    settings: Settings,
    start: Genomes,
    executor: Executor,
    journal: Journal | None = None,
    resume: bool = False,
    report: Callable[[SearchProgress], None] = lambda progress: None,
) -> Outcome:
    """Evolve `settings.islands` populations with `settings.evaluations` candidates in total.

    The same problem, settings and start give the same outcome and the same history with every
    executor, also if the run is killed and resumed.

    Args:
        evaluator: evaluator of the problem.
        settings: settings of the search.
        start: (n, genes), networks that every island begins with.
        executor: executor that runs the intervals.
        journal: journal that stores every evaluated network; None for no journal.
        resume: whether to continue from the last round of intervals in the journal.
        report: function that receives the progress after every interval.
    """
    archipelago = _Archipelago(evaluator, settings, start, executor, journal)
    try:
        if resume:
            archipelago.resume()
        else:
            archipelago.record.create()
        archipelago.go(report)
    finally:
        archipelago.record.close()
    return archipelago.record.outcome()


@dataclass(frozen=True, slots=True)
class Networks:
    """Networks with their evaluations."""

    genomes: Genomes
    evaluation: Evaluation


@dataclass
class Ground:
    """The data that all islands of a search share; a worker lists the space only once.

    Attributes:
        problem: problem of the search.
        limits: ascending limits on `Problem.ranged`.
        start: (n, genes), networks that every island begins with.
        searcher: factory for the searcher of an island.
    """

    problem: Problem
    limits: tuple[float, ...]
    start: Genomes
    searcher: SearcherFactory

    @cached_property
    def evaluator(self) -> Evaluator:
        """The evaluator of the problem; it reuses the stages that it has already priced."""
        return Evaluator(self.problem)

    def __getstate__(self) -> dict[str, Any]:
        """The fields to send; recomputing the rest in the other process is faster than sending."""
        names = ("problem", "limits", "start", "searcher")
        return {name: getattr(self, name) for name in names}

    @cached_property
    def moves(self) -> Moves:
        """The moves of the space."""
        return Moves(self.problem.space)


@dataclass(frozen=True, slots=True)
class IslandTask:
    """A task: evolve one island for `count` candidates.

    Attributes:
        ground: data that all islands share.
        seed: random seed of the island, used in its first interval.
        count: number of candidates to propose.
        state: state of the searcher after the previous interval; None in the first one.
        kept: networks that the state names, in its order.
        visitors: best networks of the previous island.
        writes: whether the search writes a history.
    """

    ground: Shared[Ground]
    seed: tuple[int, int]
    count: int
    state: Mapping[str, Any] | None
    kept: Networks | None
    visitors: Networks | None
    writes: bool

    def run(self) -> Evolved:
        """Evolve the island and return the result."""
        ground = self.ground.value
        memory = Memory(len(ground.problem.axes))
        known: list[Genomes] = []
        rng = np.random.Generator(np.random.PCG64(self.seed))
        searcher = ground.searcher(ground.moves, rng, ground.start, ground.limits)

        def remember(met: Networks) -> Rows:
            """Add networks that are already evaluated, and return their rows."""
            first = len(memory)
            rows = memory.rows(met.genomes)
            _, indices = np.unique(rows, return_index=True)
            indices = indices[rows[indices] >= first]
            memory.add(first, met.evaluation.at(indices))
            known.append(met.genomes[indices])
            return rows

        if self.state is not None and self.kept is not None:
            rows = remember(self.kept)
            state = {**self.state, "rows": rows}
            searcher.restore(state, self.kept.genomes, self.kept.evaluation)
        if self.visitors is not None:
            rows = remember(self.visitors)
            searcher.tell(self.visitors.genomes, self.visitors.evaluation, rows)
        before = len(memory)
        proposed = empty = 0
        while proposed < self.count and empty < MAX_EMPTY_ASKS:
            asked = searcher.ask(min(BATCH, self.count - proposed))
            empty = 0 if len(asked) else empty + 1
            proposed += len(asked)
            if not len(asked):
                continue
            first = len(memory)
            rows, indices = np.unique(memory.rows(asked), return_index=True)
            asked = asked[indices]
            fresh = asked[rows >= first]
            if len(fresh):
                memory.add(first, ground.evaluator(fresh))
                known.append(fresh)
            searcher.tell(asked, memory.at(rows), rows)
        genomes = np.concatenate(known) if known else ground.start[:0]
        met = np.arange(before, len(memory))
        new = Networks(genomes[before:], memory.at(met))
        after = searcher.state()
        kept = np.array(after["rows"], dtype=np.int64)
        genes, axes = ground.problem.space.genes, ground.problem.axes
        lines = history_lines(genes, new.genomes, new.evaluation, axes) if self.writes else []
        return Evolved(proposed, new, lines, after, Networks(genomes[kept], memory.at(kept)))


@dataclass(frozen=True, slots=True)
class Evolved:
    """The result of an interval.

    Attributes:
        proposed: number of candidates proposed.
        new: networks that were not known when the interval began, in order of first proposal.
        lines: line of the history for each new network; empty if no history is written.
        state: state of the searcher.
        kept: networks that the state names.
    """

    proposed: int
    new: Networks
    lines: list[str]
    state: dict[str, Any]
    kept: Networks


class _Archipelago:
    """The state of all islands between two rounds of intervals, which a resumed run restores."""

    def __init__(
        self,
        evaluator: Evaluator,
        settings: Settings,
        start: Genomes,
        executor: Executor,
        journal: Journal | None,
    ) -> None:
        self.record = Record(evaluator, settings.limits, settings.finalists, journal)
        self._settings = settings
        self._executor = executor
        self._writes = journal is not None
        ground = Ground(evaluator.problem, settings.limits, start, settings.searcher)
        ground.evaluator = evaluator
        self._ground = executor.share(ground)
        share, rest = divmod(settings.evaluations, settings.islands)
        self._left = [share + (number < rest) for number in range(settings.islands)]
        self._states: list[dict[str, Any] | None] = [None] * settings.islands
        self._kept: list[Networks | None] = [None] * settings.islands

    def resume(self) -> None:
        """Restore everything from the journal."""
        self.record.resume(self._restore)

    def go(self, report: Callable[[SearchProgress], None]) -> None:
        """Run rounds of intervals until all evaluations are used."""
        saved_at = time.monotonic()
        while any(self._left):
            before = self.record.evaluations
            tasks = [self._task(number) for number in range(len(self._left))]
            running = [task for task in tasks if task.count]
            numbers = [number for number, task in enumerate(tasks) if task.count]
            for number, evolved in zip(
                numbers, self._executor.map(IslandTask.run, running), strict=True
            ):
                self._take(number, evolved)
                report(self.record.progress())
            if self.record.evaluations == before:  # the islands propose no more networks
                break
            if time.monotonic() - saved_at > SAVE_EVERY_S:
                self.record.save(self._state())
                saved_at = time.monotonic()
        self.record.save(self._state())

    def _task(self, number: int) -> IslandTask:
        return IslandTask(
            ground=self._ground,
            seed=(self._settings.seed, number),
            count=min(self._left[number], self._settings.migrate_every),
            state=self._states[number],
            kept=self._kept[number],
            visitors=self._visitors(number - 1),
            writes=self._writes,
        )

    def _visitors(self, number: int) -> Networks | None:
        """The best networks of an island under each limit."""
        kept = self._kept[number]
        if kept is None or len(self._left) == 1:
            return None
        evaluation = kept.evaluation
        best = best_within(evaluation.scores, evaluation.prices, self._settings.limits, MIGRANTS)
        indices = np.array(best, dtype=np.int64)
        return Networks(kept.genomes[indices], evaluation.at(indices))

    def _take(self, number: int, evolved: Evolved) -> None:
        """Record the networks of an island; a network that several islands found counts once."""
        memory = self.record.memory
        self._left[number] -= evolved.proposed or self._left[number]
        self.record.evaluations += evolved.proposed
        first = len(memory)
        indices = np.flatnonzero(memory.rows(evolved.new.genomes) >= first)
        new = evolved.new
        self.record.add(
            first,
            new.genomes[indices],
            new.evaluation.at(indices),
            [evolved.lines[index] for index in indices.tolist()] if self._writes else (),
        )
        rows = memory.rows(evolved.kept.genomes)
        self._states[number] = {**evolved.state, "rows": rows.tolist()}
        self._kept[number] = evolved.kept

    def _state(self) -> dict[str, Any]:
        rows = [row for state in self._states if state for row in state["rows"]]
        islands = [
            None if state is None else {**state, "rows": len(state["rows"])}
            for state in self._states
        ]
        return {"rows": rows, "islands": islands, "left": self._left}

    def _restore(
        self, state: Mapping[str, Any], genomes: Genomes, evaluation: Evaluation, rows: Rows
    ) -> None:
        if len(state["islands"]) != len(self._left) or len(state["left"]) != len(self._left):
            raise ValueError("another number of islands")
        self._left = [int(left) for left in state["left"]]
        first = 0
        for number, island in enumerate(state["islands"]):
            if island is None:
                continue
            indices = np.arange(first, first + island["rows"])
            first += island["rows"]
            self._states[number] = {**island, "rows": rows[indices].tolist()}
            self._kept[number] = Networks(genomes[indices], evaluation.at(indices))
