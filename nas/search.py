"""The search loop: ask for candidates, evaluate them, tell the searcher, record the results."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from maenas.nas.certificate.exact import TARGET_GAP, certify
from maenas.nas.certificate.options import Options
from maenas.nas.certificate.program import Certified
from maenas.nas.evaluator import Evaluator
from maenas.nas.history.journal import Journal
from maenas.nas.history.record import FINALISTS, Outcome, Record, SearchProgress
from maenas.nas.problem import TOLERANCE
from maenas.nas.searchers.evolution import Evolution
from maenas.nas.searchers.searcher import SearcherFactory
from maenas.search_spaces.moves import Genomes, Moves

BATCH = 256
SAVE_EVERY_S = 2.0
MAX_EMPTY_ASKS = 100
MIGRATE_EVERY = 5_000


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a search.

    Attributes:
        evaluations: number of candidates to propose, repeats included.
        seed: random seed of the search.
        limits: ascending limits on `Problem.ranged`, one for each network to find.
        finalists: number of best networks to keep under each limit.
        islands: number of populations that evolve separately, see `nas.searchers.islands`.
        migrate_every: number of candidates of an island between two exchanges.
        searcher: factory of the searcher: its class, or `functools.partial` of it with options.
    """

    evaluations: int
    seed: int
    limits: tuple[float, ...]
    finalists: int = FINALISTS
    islands: int = 1
    migrate_every: int = MIGRATE_EVERY
    searcher: SearcherFactory = Evolution


def search(
    evaluator: Evaluator,
    settings: Settings,
    start: Genomes,
    journal: Journal | None = None,
    resume: bool = False,
    report: Callable[[SearchProgress], None] = lambda progress: None,
) -> Outcome:
    """Ask the searcher, evaluate its candidates and tell it, until all evaluations are used.

    The same problem, settings and start give the same outcome, also if the run is killed and
    resumed.

    Args:
        evaluator: evaluator of the problem.
        settings: settings of the search.
        start: (n, genes), networks to begin with.
        journal: journal that stores every evaluated network; None for no journal.
        resume: whether to continue from the journal.
        report: function that receives the progress after every batch.
    """
    run = _Run(evaluator, settings, start, journal)
    try:
        if resume:
            run.resume()
        else:
            run.record.create()
        run.go(report)
    finally:
        run.record.close()
    return run.record.outcome()


def solve_exactly(options: Options, settings: Settings) -> Outcome:
    """The best network under each limit by dynamic programming; see `nas.certificate.exact`."""
    space = options.space
    found = [
        certified.genome for certified in certify(options, settings.limits, target_gap=TARGET_GAP)
    ]
    genomes = [genome for genome in found if genome is not None]
    finalists = (
        np.unique(np.array(genomes, dtype=np.int16), axis=0)
        if genomes
        else np.empty((0, len(space.genes)), dtype=np.int16)
    )
    score = float(options.evaluator(genomes[-1][None]).scores[0]) if genomes else 0.0
    return Outcome(
        best=tuple(None if genome is None else space.decode(genome.tolist()) for genome in found),
        finalists=finalists,
        evaluations=len(genomes),
        unique=len(finalists),
        accepted=len(finalists),
        curve=((len(genomes), score),) if genomes else (),
        prices=np.empty(0),
        scores=np.empty(0),
        feasible=np.empty(0, dtype=bool),
    )


def better_of(outcome: Outcome, certified: Sequence[Certified], evaluator: Evaluator) -> Outcome:
    """The outcome of a search, with the exact solver's network for each limit where it is better.

    Args:
        outcome: outcome of a search.
        certified: certificate for each limit of the search.
        evaluator: evaluator of the problem.
    """
    space = evaluator.problem.space
    best, solved = list(outcome.best), set[int]()
    for index, proof in enumerate(certified):
        own = best[index]
        if proof.genome is None or proof.score is None:
            continue
        if own is None or _exceeds(proof.score, evaluator.problem.score(own)):
            best[index] = space.decode(proof.genome.tolist())
            solved.add(index)
    finalists = outcome.finalists
    optimum = certified[-1].genome
    if len(best) - 1 in solved and optimum is not None:
        first = optimum[None].astype(np.int16)
        others = finalists[: max(len(finalists) - 1, 1)]
        finalists = np.concatenate([first, others]) if len(others) else first
    return replace(outcome, best=tuple(best), finalists=finalists, solved=frozenset(solved))


def _exceeds(score: float, other: float) -> bool:
    """Whether a score is higher by more than the rounding error of sums in another order."""
    return score - other > TOLERANCE * max(abs(score), abs(other))


class _Run:
    """The variables of the search loop, which a resumed run restores exactly."""

    def __init__(
        self, evaluator: Evaluator, settings: Settings, start: Genomes, journal: Journal | None
    ) -> None:
        self._evaluator = evaluator
        self._settings = settings
        rng = np.random.Generator(np.random.PCG64(settings.seed))
        moves = Moves(evaluator.problem.space)
        self._searcher = settings.searcher(moves, rng, start, settings.limits)
        self.record = Record(evaluator, settings.limits, settings.finalists, journal)

    def resume(self) -> None:
        """Restore everything from the journal."""
        self.record.resume(
            lambda state, genomes, evaluation, rows: self._searcher.restore(
                state, genomes, evaluation
            )
        )

    def go(self, report: Callable[[SearchProgress], None]) -> None:
        """Run the loop until all evaluations are used."""
        record = self.record
        saved_at = time.monotonic()
        empty = 0
        while record.evaluations < self._settings.evaluations and empty < MAX_EMPTY_ASKS:
            asked = self._searcher.ask(min(BATCH, self._settings.evaluations - record.evaluations))
            empty = 0 if len(asked) else empty + 1
            record.evaluations += len(asked)
            if len(asked):
                self._take(asked)
            report(record.progress())
            if time.monotonic() - saved_at > SAVE_EVERY_S:
                record.save(self._searcher.state())
                saved_at = time.monotonic()
        record.save(self._searcher.state())

    def _take(self, genomes: Genomes) -> None:
        """Evaluate and record new genomes, and tell the searcher about all of them."""
        memory = self.record.memory
        known = len(memory)
        rows, first_places = np.unique(memory.rows(genomes), return_index=True)
        genomes = genomes[first_places]
        fresh = genomes[rows >= known]
        if len(fresh):
            self.record.add(known, fresh, self._evaluator(fresh))
        self._searcher.tell(genomes, memory.at(rows), rows)
