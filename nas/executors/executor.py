"""The contract of all executors: pure tasks in, their results out in the order of submission."""

from __future__ import annotations

import hashlib
import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from maenas.blocks import MaenasError

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Value = TypeVar("Value")

KNOWN = 16  # shared values that a worker keeps


class ExecutorError(MaenasError):
    """Workers cannot be had, or are lost again and again."""


class Executor(ABC):
    """Maps functions over items.

    A task is a function of a module and one picklable item; it reads nothing but that item and
    draws randomness from seeds in it. So a lost worker costs time alone: its tasks are run again,
    and results are the same whatever the executor and however many workers it has.

    Attributes:
        losses: batches that had to be run again because their worker ended.
    """

    losses: int = 0

    @property
    @abstractmethod
    def workers(self) -> int:
        """Tasks that run at the same time."""

    @abstractmethod
    def map(self, function: Callable[[Item], Answer], items: Sequence[Item]) -> Iterator[Answer]:
        """The results of all items in their order, begun before they are asked for where possible.

        Raises:
            ExecutorError: if a task is lost with its worker too often.
            Exception: whatever the function raises, when its turn comes.
        """

    @abstractmethod
    def share(self, value: Value) -> Shared[Value]:
        """A value that many items hold, sent to each worker once."""

    def close(self) -> None:  # noqa: B027 - this process has nothing to end
        """End the workers; whatever they still compute is dropped."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class InProcess(Executor):
    """No workers: each task runs when its result is asked for."""

    @property
    def workers(self) -> int:
        return 1

    def map(self, function: Callable[[Item], Answer], items: Sequence[Item]) -> Iterator[Answer]:
        return map(function, items)

    def share(self, value: Value) -> Shared[Value]:
        return Shared(value)


class Shared(Generic[Value]):
    """A value by reference: here it is itself, in a worker it is loaded once and kept.

    Args:
        value: the value here.
        key: of the value among all; only where it travels.
        fetch: called in a worker for the pickled value; must be picklable itself.
    """

    def __init__(self, value: Value, key: str = "", fetch: Callable[[], bytes] | None = None):
        self._here: Value | None = value
        self._key = key
        self._fetch = fetch

    @property
    def value(self) -> Value:
        """The value, one object for all tasks of a worker, so it may keep what it computed."""
        if self._here is None:
            assert self._fetch is not None
            if self._key not in _known:
                while len(_known) >= KNOWN:
                    _known.pop(next(iter(_known)))
                _known[self._key] = pickle.loads(self._fetch())
            self._here = _known[self._key]
        return self._here

    def __getstate__(self) -> dict[str, Any]:
        return {"_here": None, "_key": self._key, "_fetch": self._fetch}


_known: dict[str, Any] = {}  # in a worker: shared values by their key


def key_of(content: bytes) -> str:
    """The name of a pickled value."""
    return hashlib.sha256(content).hexdigest()[:16]
