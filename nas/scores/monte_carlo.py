"""Scores of random networks, computed as tasks of one network and one seed by any executor."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from maenas.blocks import Backbone
from maenas.nas.executors import Executor
from maenas.nas.scores.score import ForwardScore
from maenas.nas.scores.spread import MonteCarloScore


@dataclass(frozen=True, slots=True)
class Draw:
    """A task: score one random network of a backbone.

    Attributes:
        backbone: architecture of the network.
        forward: forward-pass score to compute.
        seed: random seed of its weights.
    """

    backbone: Backbone
    forward: ForwardScore
    seed: int

    def score(self) -> tuple[float, float]:
        """The score of the network, and the seconds that it took."""
        started = time.perf_counter()
        score = float(self.forward(self.backbone, self.seed))
        return score, time.perf_counter() - started


def monte_carlo(
    backbones: Sequence[Backbone],
    forward: ForwardScore,
    seeds: Sequence[int],
    executor: Executor,
) -> Iterator[MonteCarloScore]:
    """Score of each backbone on random networks, in order.

    Every network is one task of one thread. The order of summation is then fixed, and the scores
    are identical to the last bit in every process of a machine.

    Raises:
        SpecError: if the score cannot be applied to a backbone.
    """
    draws = [Draw(backbone, forward, seed) for backbone in backbones for seed in seeds]
    results = iter(executor.map(Draw.score, draws))
    for _ in backbones:
        scores, seconds = zip(*islice(results, len(seeds)), strict=True)
        yield MonteCarloScore.of(scores, sum(seconds) / len(seconds))
