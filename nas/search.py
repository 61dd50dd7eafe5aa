"""One search from its first candidate to its last: ask, evaluate, tell, remember."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from blocks import Backbone
from budgets.budget import InfeasibleError, show
from nas.evaluator import QUANTITIES, Evaluation, Evaluator, Floats
from nas.evolution import Evolution
from nas.exact import TARGET_GAP, certify
from nas.journal import Journal, JournalError
from nas.memory import Memory
from nas.options import Options
from nas.problem import TOLERANCE, Problem
from nas.random_search import RandomSearch
from nas.searcher import Searcher, best_within
from search_spaces.moves import Genomes, Moves

Algorithm = Literal["evolution", "random", "exact"]
ALGORITHMS: tuple[Algorithm, ...] = ("evolution", "random", "exact")
BATCH = 256
SAVE_EVERY_S = 2.0
MAX_EMPTY_ASKS = 100


@dataclass(frozen=True, slots=True)
class Settings:
    """How to search.

    Attributes:
        algorithm: "evolution", "random" or "exact".
        evaluations: candidates proposed, those met before included.
        seed: of all randomness.
        limits: ascending limits on `Problem.ranged`, one for each network wanted.
    """

    algorithm: Algorithm
    evaluations: int
    seed: int
    limits: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is; `best_score` and `best_price` are None before the first that fits."""

    evaluations: int
    unique: int
    accepted: int
    best_score: float | None
    best_price: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search found.

    Attributes:
        best: for each limit the best network within every budget, None where there is none.
        finalists: (n, genes), the best under the last limit, best first.
        evaluations: candidates proposed.
        unique: of those, how many were different and so evaluated.
        accepted: of those, how many met every budget.
        curve: (evaluations, best score) wherever the best score rose.
        prices: (unique,), of every network on `Problem.ranged`.
        scores: (unique,), of every network.
        feasible: (unique,), whether it met every budget.
    """

    best: tuple[Backbone | None, ...]
    finalists: Genomes
    evaluations: int
    unique: int
    accepted: int
    curve: tuple[tuple[int, float], ...]
    prices: Floats
    scores: Floats
    feasible: NDArray[np.bool_]


def search(
    evaluator: Evaluator,
    settings: Settings,
    start: Genomes,
    journal: Journal | None = None,
    resume: bool = False,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Outcome:
    """Run `settings.algorithm`, "exact" excepted; see `solve_exactly` for that.

    Same problem, settings and start give the same outcome, whether or not the run was killed and
    resumed.

    Args:
        evaluator: of the problem.
        settings: how to search.
        start: (n, genes), networks to begin with.
        journal: where to keep every evaluated network; None to keep nothing.
        resume: continue from the journal.
        report: told about progress after every batch.
    """
    run = _Run(evaluator, settings, start, journal)
    try:
        if resume:
            run.resume()
        elif journal is not None:
            journal.create()
        run.go(report)
    finally:
        if journal is not None:
            journal.close()
    return run.outcome()


def solve_exactly(options: Options, settings: Settings) -> Outcome:
    """The best network under each limit by dynamic programming; see `nas.exact`."""
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


def cheapest_networks(options: Options) -> Genomes:
    """(n, genes): for each budget the network that spends least of it; where to start from.

    Raises:
        InfeasibleError: if even that one exceeds its budget; says what it costs.
    """
    problem = options.evaluator.problem
    cheapest = []
    for budget in problem.budgets:
        price, genome = options.cheapest(budget.quantity)
        if price > budget.limit * (1 + TOLERANCE):
            what = "backbone" if problem.rest is None else "detector"
            raise InfeasibleError(
                f"budget {budget.text!r}: no network of space {problem.space.name} meets it: the "
                f"cheapest {what} needs {show(budget.quantity, price)}; raise the budget, or "
                "choose a smaller space or template."
            )
        cheapest.append(genome)
    return np.unique(np.array(cheapest, dtype=np.int16), axis=0)


class _Run:
    """The loop's variables: what a resumed run must get back exactly."""

    def __init__(
        self, evaluator: Evaluator, settings: Settings, start: Genomes, journal: Journal | None
    ) -> None:
        self._evaluator = evaluator
        self._settings = settings
        self._journal = journal
        self._searcher = _searcher(evaluator.problem, settings, start)
        self._memory = Memory(len(QUANTITIES))
        self._evaluations = 0
        self._accepted = 0
        self._curve: list[tuple[int, float]] = []
        self._top = _Top(settings.limits)

    def resume(self) -> None:
        """Take everything back from the journal."""
        assert self._journal is not None
        state, genomes, scores, costs, feasible = self._journal.read()
        rows = self._memory.rows(genomes)
        if len(np.unique(rows)) != len(genomes):
            raise JournalError(f"{self._journal.history_path}: damaged (a network comes twice).")
        self._memory.add(0, self._evaluator.wrap(scores, costs, feasible))
        try:
            kept = np.array(state["searcher"]["rows"], dtype=np.int64)
            if len(kept) and not 0 <= kept.min() <= kept.max() < len(genomes):
                raise ValueError("rows beyond the history")
            self._searcher.restore(state["searcher"], genomes[kept], self._memory.at(kept))
            self._curve = [(int(count), float(score)) for count, score in state["curve"]]
        except (KeyError, TypeError, ValueError) as error:
            raise JournalError(
                f"{self._journal.state_path}: damaged ({error!r}); the run cannot be resumed, "
                "start it anew with --exist-ok."
            ) from None
        self._evaluations = state["evaluations"]
        self._accepted = int(feasible.sum())
        self._top.add(genomes, self._memory.at(rows))
        self._journal.reopen(state)

    def go(self, report: Callable[[Progress], None]) -> None:
        """Loop until all evaluations are spent."""
        saved_at = time.monotonic()
        empty = 0
        while self._evaluations < self._settings.evaluations and empty < MAX_EMPTY_ASKS:
            asked = self._searcher.ask(min(BATCH, self._settings.evaluations - self._evaluations))
            empty = 0 if len(asked) else empty + 1
            self._evaluations += len(asked)
            if len(asked):
                self._take(asked)
            report(self._progress())
            if time.monotonic() - saved_at > SAVE_EVERY_S:
                self._save()
                saved_at = time.monotonic()
        self._save()

    def outcome(self) -> Outcome:
        """What was found."""
        space = self._evaluator.problem.space
        best = tuple(
            None if genome is None else space.decode(genome.tolist())
            for genome in self._top.best_under_each()
        )
        return Outcome(
            best,
            self._top.finalists(),
            self._evaluations,
            len(self._memory),
            self._accepted,
            tuple(self._curve),
            self._memory.prices,
            self._memory.scores,
            self._memory.feasible,
        )

    def _take(self, genomes: Genomes) -> None:
        """Evaluate what is new, remember it, tell all."""
        known = len(self._memory)
        rows, first_places = np.unique(self._memory.rows(genomes), return_index=True)
        genomes = genomes[first_places]
        fresh = genomes[rows >= known]
        if len(fresh):
            evaluation = self._evaluator(fresh)
            self._memory.add(known, evaluation)
            if self._journal is not None:
                self._journal.append(fresh, evaluation)
            self._accepted += int(evaluation.feasible.sum())
            self._top.add(fresh, evaluation)
        self._searcher.tell(genomes, self._memory.at(rows), rows)
        best = self._top.score
        if best is not None and (not self._curve or best > self._curve[-1][1]):
            self._curve.append((self._evaluations, best))

    def _progress(self) -> Progress:
        return Progress(
            self._evaluations, len(self._memory), self._accepted, self._top.score, self._top.price
        )

    def _save(self) -> None:
        if self._journal is not None:
            self._journal.save(
                {
                    "evaluations": self._evaluations,
                    "curve": self._curve,
                    "searcher": self._searcher.state(),
                }
            )


class _Top:
    """The best feasible networks so far under each limit."""

    KEEP = 16

    def __init__(self, limits: Sequence[float]) -> None:
        self._limits = tuple(limits)
        self._genomes: Genomes | None = None
        self._scores = np.empty(0)
        self._prices = np.empty(0)

    def add(self, genomes: Genomes, evaluation: Evaluation) -> None:
        """Take in a batch."""
        ok = evaluation.feasible
        new = genomes[ok]
        together = new if self._genomes is None else np.concatenate([self._genomes, new])
        scores = np.concatenate([self._scores, evaluation.scores[ok]])
        prices = np.concatenate([self._prices, evaluation.prices[ok]])
        keep = best_within(scores, prices, self._limits, self.KEEP)
        self._genomes, self._scores, self._prices = together[keep], scores[keep], prices[keep]

    @property
    def score(self) -> float | None:
        """Of the best network of all."""
        return float(self._scores[0]) if len(self._scores) else None

    @property
    def price(self) -> float | None:
        """Of the best network of all."""
        return float(self._prices[0]) if len(self._prices) else None

    def best_under_each(self) -> list[Genomes | None]:
        """The best network under each limit."""
        found: list[Genomes | None] = []
        for limit in self._limits:
            within = best_within(self._scores, self._prices, [limit], 1)
            found.append(self._genomes[within[0]] if within and self._genomes is not None else None)
        return found

    def finalists(self) -> Genomes:
        """The best under the last limit, best first."""
        if self._genomes is None:
            return np.empty((0, 0), dtype=np.int16)
        places = best_within(self._scores, self._prices, self._limits[-1:], self.KEEP)
        # Two stages of one resolution can trade units without changing the network: one of each.
        distinct = {(self._scores[place], self._prices[place]): place for place in reversed(places)}
        return self._genomes[sorted(distinct.values(), key=places.index)]


def _searcher(problem: Problem, settings: Settings, start: Genomes) -> Searcher:
    moves = Moves(problem.space)
    rng = np.random.Generator(np.random.PCG64(settings.seed))
    if settings.algorithm == "random":
        return RandomSearch(moves, rng)
    assert settings.algorithm == "evolution", "the exact solver asks nothing; see solve_exactly"
    return Evolution(moves, rng, start, settings.limits)
