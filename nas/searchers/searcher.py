"""Ask and tell: the interface of every search algorithm over genomes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from maenas.nas.evaluator import Evaluation
from maenas.search_spaces.moves import Genomes, Moves


class Searcher(ABC):
    """Proposes genomes and receives their evaluations; does not depend on the score or budgets.

    Two searchers with equal arguments and equal evaluations propose equal genomes, also if one of
    them was saved by `state` and loaded by `restore` in between.

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
        """At most `count` legal genomes; they may contain repeats."""

    @abstractmethod
    def tell(self, genomes: Genomes, evaluation: Evaluation, rows: NDArray[np.int64]) -> None:
        """Receive the evaluations of genomes; `rows` are their indices in the history."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """The state to save, as plain data; genomes are given by their indices in the history."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any], genomes: Genomes, evaluation: Evaluation) -> None:
        """Continue from `state`; `genomes` and `evaluation` belong to the indices it names."""


class SearcherFactory(Protocol):
    """A factory of searchers: the class, or `functools.partial` of it with options.

    It must be picklable, since other processes call it too.
    """

    def __call__(
        self, moves: Moves, rng: np.random.Generator, start: Genomes, limits: Sequence[float]
    ) -> Searcher:
        """A searcher that has proposed nothing yet.

        Args:
            moves: source of random genomes and mutations of the space.
            rng: random generator of the searcher.
            start: (n, genes), networks to begin with.
            limits: ascending limits on the price of a network, one for each network to find.
        """


def rng_state(rng: np.random.Generator) -> dict[str, Any]:
    """State of a generator as plain data."""
    return dict(rng.bit_generator.state)


def rng_from(state: Mapping[str, Any]) -> np.random.Generator:
    """The generator with this state."""
    bits = np.random.PCG64()
    bits.state = dict(state)  # type: ignore[assignment]
    return np.random.Generator(bits)
