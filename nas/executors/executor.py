"""The interface of all executors: they run pure tasks, in processes or on machines."""

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

KNOWN = 16  # most shared values that a worker keeps in memory


class ExecutorError(MaenasError):
    """No worker is available, or workers are lost repeatedly."""


class Executor(ABC):
    """Maps functions over items, in this process or in workers.

    A task is a function of a module and one picklable item. It reads only that item and takes its
    random seeds from it. A lost worker therefore costs only time: its tasks run again. The results
    do not depend on the executor or on the number of workers.

    Attributes:
        losses: number of batches that ran again because their worker ended.
    """

    losses: int = 0

    @property
    @abstractmethod
    def workers(self) -> int:
        """Number of tasks that run at the same time."""

    @abstractmethod
    def map(self, function: Callable[[Item], Answer], items: Sequence[Item]) -> Iterator[Answer]:
        """The results of all items, in order; workers start items before they are requested.

        Raises:
            ExecutorError: if the worker of a task is lost too often.
            Exception: the exception that the function raised for an item, at that item's turn.
        """

    @abstractmethod
    def as_completed(
        self, function: Callable[[Item], Answer], items: Sequence[Item]
    ) -> Iterator[tuple[int, Answer]]:
        """The index of each item and its result, in the order in which the tasks finish.

        It is for tasks whose results are kept at once, so that no finished one is lost with this
        process.

        Raises:
            ExecutorError: if the worker of a task is lost too often.
            Exception: the exception that the function raised for an item, after all results that
                were there at that time.
        """

    @abstractmethod
    def share(self, value: Value) -> Shared[Value]:
        """A reference to a value that many items hold; each worker receives the value once."""

    def close(self) -> None:  # noqa: B027 - this process has nothing to end
        """End the workers and discard unfinished tasks."""

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
    """Executor without workers: each task runs when its result is requested."""

    @property
    def workers(self) -> int:
        return 1

    def map(self, function: Callable[[Item], Answer], items: Sequence[Item]) -> Iterator[Answer]:
        return map(function, items)

    def as_completed(
        self, function: Callable[[Item], Answer], items: Sequence[Item]
    ) -> Iterator[tuple[int, Answer]]:
        return enumerate(map(function, items))

    def share(self, value: Value) -> Shared[Value]:
        return Shared(value)


class Shared(Generic[Value]):
    """A value passed by reference: the driver holds it, each worker loads it once and keeps it.

    Args:
        value: value in this process.
        key: key that identifies the value; needed only if it is sent to other processes.
        fetch: function that returns the pickled value in a worker; must be picklable itself.
    """

    def __init__(self, value: Value, key: str = "", fetch: Callable[[], bytes] | None = None):
        self._here: Value | None = value
        self._key = key
        self._fetch = fetch

    @property
    def value(self) -> Value:
        """The value; all tasks of a worker share one object, so its caches are reused."""
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


_known: dict[str, Any] = {}  # shared values of a worker by key


def key_of(content: bytes) -> str:
    """The key of a pickled value."""
    return hashlib.sha256(content).hexdigest()[:16]
