"""The score on random networks as tasks: a network and a seed each, for any executor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from maenas.blocks import Backbone
from maenas.nas.executors import Executor
from maenas.nas.scores.spread import MonteCarloScore


@dataclass(frozen=True, slots=True)
class Draw:
    """One random network: of which backbone, scored how, from which seed."""

    backbone: Backbone
    weights: tuple[float, ...]
    seed: int

    def score(self) -> float:
        """Its score; a few tenths of a second at 640 pixels."""
        from maenas.nas.scores.max_entropy_forward import drawn_score  # loads torch

        return drawn_score(self.backbone, self.weights, self.seed)


def monte_carlo(
    backbones: Sequence[Backbone],
    weights: Sequence[float],
    seeds: Sequence[int],
    executor: Executor,
) -> Iterator[MonteCarloScore]:
    """Score of each backbone on random networks, in order; see `max_entropy_forward`.

    Every network is one task, run by one thread: then sums are added up in one order, and the
    scores are the same to the last bit in every process of a machine.

    Raises:
        SpecError: unless there is one weight a level.
    """
    draws = [Draw(backbone, tuple(weights), seed) for backbone in backbones for seed in seeds]
    scores = iter(executor.map(Draw.score, draws))
    for _ in backbones:
        yield MonteCarloScore.of(list(islice(scores, len(seeds))))
