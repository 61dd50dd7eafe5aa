"""The finalists of a search: scored on random networks, and re-ranked by a forward-pass score."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from maenas.blocks import Backbone, SpecError
from maenas.nas import ForwardScore, MonteCarloScore, Problem, load_forward, monte_carlo
from maenas.nas.executors import Executor
from maenas.terminal.progress import Counter

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MonteCarlo:
    """Score of a finalist on random networks.

    Attributes:
        rank: rank by the score that was maximised, from 1.
        score: score that was maximised.
        expected: same score with zero padding included; None if the score cannot compute it.
        mean: mean over the random networks.
        standard_error: standard error of the mean.
        seeds: number of random networks.
    """

    rank: int
    score: float
    expected: float | None
    mean: float
    standard_error: float
    seeds: int


@dataclass(frozen=True, slots=True)
class Reranked:
    """A finalist with its forward-pass score.

    Attributes:
        rank: rank by the score that was maximised, from 1.
        score: score that was maximised.
        mean: mean of the forward-pass score over the random networks.
        standard_error: standard error of the mean.
    """

    rank: int
    score: float
    mean: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class Reranking:
    """The finalists of a search, ranked by a score that needs forward passes.

    Attributes:
        name: name of the forward-pass score.
        finalists: finalists by their mean, highest first; the first is the result of the search.
        seeds: number of random networks of each finalist.
        seconds: seconds that all forward passes took, on all workers together.
    """

    name: str
    finalists: tuple[Reranked, ...]
    seeds: int
    seconds: float

    @property
    def best(self) -> Reranked:
        """The finalist with the highest mean."""
        return self.finalists[0]

    def to_json(self) -> dict[str, Any]:
        """The ranking as plain data."""
        return {
            "name": self.name,
            "seeds": self.seeds,
            "seconds": round(self.seconds, 3),
            "finalists": [asdict(entry) for entry in self.finalists],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Reranking:
        """The ranking in the plain data of a result."""
        finalists = tuple(Reranked(**entry) for entry in data["finalists"])
        return cls(data["name"], finalists, data["seeds"], data["seconds"])

    def lines(self) -> list[str]:
        """One line with the winner and one with the cost, for people."""
        best = self.best
        others = ", ".join(f"{entry.rank}: {entry.mean:.3f}" for entry in self.finalists[1:])
        count = self.seeds * len(self.finalists)
        return [
            f"by {self.name}: finalist {best.rank} first, {best.mean:.3f} ± "
            f"{best.standard_error:.3f}" + (f"; finalist {others}" if others else ""),
            f"{count} forward passes took {self.seconds:.1f} s, {self.seconds / count:.2f} s each",
        ]


def forward_name(rerank: str | ForwardScore) -> str:
    """The name of a forward-pass score, for files and people."""
    if isinstance(rerank, str):
        return rerank
    known = getattr(rerank, "name", None)
    kind = rerank if hasattr(rerank, "__qualname__") else type(rerank)
    return known if isinstance(known, str) else f"{kind.__module__}:{kind.__qualname__}"


def forward_of(rerank: str | ForwardScore, problem: Problem) -> ForwardScore:
    """The forward-pass score of a name; a score that was handed in is returned unchanged.

    Raises:
        SpecError: if there is no such score, or it cannot be called.
    """
    if isinstance(rerank, str):
        return load_forward(rerank, problem.score, problem.level_count)
    if not callable(rerank) or isinstance(rerank, type):
        raise SpecError(
            f"rerank: must be a name or a function of a backbone and a random seed, got {rerank!r}."
        )
    return rerank


def random_network_scores(
    backbones: Sequence[Backbone], forward: ForwardScore, seeds: int, executor: Executor
) -> list[MonteCarloScore]:
    """The forward-pass score of each backbone on `seeds` random networks."""
    found = []
    with Counter("finalists", len(backbones), "networks") as counter:
        for score in monte_carlo(backbones, forward, range(seeds), executor):
            found.append(score)
            counter.advance()
    return found


@dataclass(frozen=True, slots=True)
class FinalistScores:
    """Result of forward passes on the finalists.

    Attributes:
        checks: the score of the search on random networks, best finalist first; () for a score
            that is not defined on random networks.
        seconds: mean seconds of one forward pass of these checks.
        reranking: finalists ranked by another score; None if none was asked for.
        chosen: the finalist that the other score ranks first.
    """

    checks: tuple[MonteCarlo, ...] = ()
    seconds: float = 0.0
    reranking: Reranking | None = None
    chosen: Backbone | None = None


def score_finalists(
    problem: Problem,
    finalists: Sequence[Backbone],
    seeds: int,
    rerank: str | ForwardScore | None,
    executor: Executor,
) -> FinalistScores:
    """Score the finalists on random networks, and rank them again if that is asked for.

    Args:
        problem: problem of the search.
        finalists: best networks of the search, best first.
        seeds: number of random networks of each finalist.
        rerank: forward-pass score that ranks them again, or its name.
        executor: executor of the forward passes.
    Raises:
        SpecError: if a score cannot be applied to a finalist.
    """
    if not finalists:
        return FinalistScores()
    usual = problem.score.forward(problem.level_count)
    drawn: list[MonteCarloScore] = []
    if usual is not None:
        LOG.info("scoring the finalists on random networks")
        drawn = random_network_scores(finalists, usual, seeds, executor)
    scores = FinalistScores(
        tuple(
            MonteCarlo(
                rank,
                problem.score(backbone),
                problem.score.expected(backbone),
                found.mean,
                found.standard_error,
                len(found.scores),
            )
            for rank, (backbone, found) in enumerate(zip(finalists, drawn, strict=False), start=1)
        ),
        sum(found.seconds for found in drawn) / len(drawn) if drawn else 0.0,
    )
    if rerank is None:
        return scores
    forward, name = forward_of(rerank, problem), forward_name(rerank)
    if forward != usual:
        LOG.info(f"ranking {len(finalists)} finalists by {name}")
        drawn = random_network_scores(finalists, forward, seeds, executor)
    order = sorted(range(len(finalists)), key=lambda place: -drawn[place].mean)
    entries = tuple(
        Reranked(
            place + 1,
            problem.score(finalists[place]),
            drawn[place].mean,
            drawn[place].standard_error,
        )
        for place in order
    )
    spent = sum(found.seconds * len(found.scores) for found in drawn)
    ranking = Reranking(name, entries, seeds, spent)
    return replace(scores, reranking=ranking, chosen=finalists[order[0]])
