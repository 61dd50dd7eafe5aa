"""A plugin as a user would write it: a block, a score and a searcher of his own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from maenas.blocks import Backbone, Block, Op, ResK1KX, Shape
from maenas.nas import Score, Searcher
from maenas.nas.evaluator import Evaluation
from maenas.nas.searchers.searcher import rng_from, rng_state
from maenas.plugins import register
from maenas.search_spaces.moves import Genomes, Moves


@dataclass(frozen=True, slots=True, kw_only=True)
class WideStage(Block):
    """A stage of units whose bottleneck is as wide as the stage."""

    kind: ClassVar[str] = "wide_stage"
    out_channels: int
    stride: int = 1
    depth: int = 1

    @property
    def layers(self) -> int:
        return self._inner.layers

    @property
    def _inner(self) -> ResK1KX:
        return ResK1KX(
            out_channels=self.out_channels,
            bottleneck_channels=self.out_channels,
            stride=self.stride,
            depth=self.depth,
        )

    def ops(self, in_shape: Shape) -> Iterator[Op]:
        return self._inner.ops(in_shape)

    def build(self, in_channels: int) -> Any:
        return self._inner.build(in_channels)


@dataclass(frozen=True, slots=True)
class WideConvs(Score):
    """Convolutions of the main path, those of 3x3 kernels counted `bonus` times."""

    name: ClassVar[str] = "wide-convs"
    weights: tuple[float, ...] | None = None
    bonus: float = 2.0

    def op(self, op: Op) -> float:
        if op.kind != "conv" or op.path != "main":
            return 0.0
        return self.bonus if op.kernel_size == 3 else 1.0


class HillClimber(Searcher):
    """Mutates the best network so far."""

    name: ClassVar[str] = "hill-climber"

    def __init__(
        self, moves: Moves, rng: np.random.Generator, start: Genomes, limits: Sequence[float]
    ) -> None:
        self._moves, self._rng = moves, rng
        self._best, self._row, self._score = start[:1], 0, -np.inf
        self._known = False

    def ask(self, count: int) -> Genomes:
        if not self._known:
            return self._best
        parents = np.repeat(self._best, count, axis=0)
        return self._moves.mutate(self._rng, parents, parents)

    def tell(self, genomes: Genomes, evaluation: Evaluation, rows: NDArray[np.int64]) -> None:
        scores = np.where(evaluation.feasible, evaluation.scores, -np.inf)
        index = int(scores.argmax())
        if scores[index] > self._score or not self._known:
            self._best, self._row = genomes[index][None], int(rows[index])
            self._score, self._known = float(scores[index]), True

    def state(self) -> dict[str, Any]:
        rows = [self._row] if self._known else []
        return {"rng": rng_state(self._rng), "rows": rows}

    def restore(self, state: Mapping[str, Any], genomes: Genomes, evaluation: Evaluation) -> None:
        self._rng = rng_from(state["rng"])
        if len(genomes):
            self._best, self._row, self._known = genomes, state["rows"][0], True
            self._score = float(evaluation.scores[0]) if evaluation.feasible[0] else -np.inf


def shallow(backbone: Backbone, seed: int) -> float:
    """A score by a forward pass, or so: it prefers few layers and varies with the seed."""
    return -backbone.layers + 1e-6 * seed


register(WideStage, WideConvs, HillClimber)
