"""Random search: the baseline every other algorithm has to beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from maenas.nas.evaluator import Evaluation
from maenas.nas.searchers.searcher import Searcher, rng_from, rng_state
from maenas.search_spaces.moves import Genomes, Moves


class RandomSearch(Searcher):
    """Random search: draws legal genomes and ignores their evaluations."""

    name: ClassVar[str] = "random"

    def __init__(
        self, moves: Moves, rng: np.random.Generator, start: Genomes, limits: Sequence[float]
    ) -> None:
        self._moves = moves
        self._rng = rng

    def ask(self, count: int) -> Genomes:
        return self._moves.sample(self._rng, count)

    def tell(self, genomes: Genomes, evaluation: Evaluation, rows: NDArray[np.int64]) -> None:
        pass

    def state(self) -> dict[str, Any]:
        return {"rng": rng_state(self._rng), "rows": []}

    def restore(self, state: Mapping[str, Any], genomes: Genomes, evaluation: Evaluation) -> None:
        self._rng = rng_from(state["rng"])
