"""Ask and tell: what every search algorithm over genomes has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from maenas.nas.evaluator import Evaluation
from maenas.search_spaces.moves import Genomes, Moves


class Searcher(ABC):
    """Proposes genomes and learns what they were worth; knows nothing of scores or budgets.

    Two searchers that were made alike and told alike propose alike, also when one of them went
    through `state` and `restore` in between.

    Attributes:
        name: name on the command line.
    """

    name: ClassVar[str]

    @abstractmethod
    def __init__(
        self, moves: Moves, rng: np.random.Generator, start: Genomes, limits: Sequence[float]
    ) -> None:
        """A searcher that has proposed nothing yet; see `SearcherFactory`."""

    @abstractmethod
    def ask(self, count: int) -> Genomes:
        """Up to `count` legal genomes, repeats possible; never more."""

    @abstractmethod
    def tell(self, genomes: Genomes, evaluation: Evaluation, rows: NDArray[np.int64]) -> None:
        """Take in the worth of genomes; `rows` are their places in the history."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What to save, as plain data; genomes by their places in the history."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any], genomes: Genomes, evaluation: Evaluation) -> None:
        """Continue from `state`; `genomes` and `evaluation` are those at its places."""


class SearcherFactory(Protocol):
    """What makes a searcher: its class, or `functools.partial` of it with options.

    It must be picklable, since other processes call it too.
    """

    def __call__(
        self, moves: Moves, rng: np.random.Generator, start: Genomes, limits: Sequence[float]
    ) -> Searcher:
        """A searcher that has proposed nothing yet.

        Args:
            moves: random genomes and mutations of the space.
            rng: source of all randomness.
            start: (n, genes), networks to begin with.
            limits: ascending limits on the price of a network, one for each network wanted.
        """


def rng_state(rng: np.random.Generator) -> dict[str, Any]:
    """State of a generator as plain data."""
    return dict(rng.bit_generator.state)


def rng_from(state: Mapping[str, Any]) -> np.random.Generator:
    """The generator with this state."""
    bits = np.random.PCG64()
    bits.state = dict(state)  # type: ignore[assignment]
    return np.random.Generator(bits)
