"""Batches on their way: sized by what tasks cost, few at once, lost ones sent again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol

from maenas.nas.executors.executor import Answer, ExecutorError, Item

LEAST_S = 0.1  # a call costs milliseconds, so it should carry at least so much work
TARGET_S = 0.25
DRIVER_S = 0.002  # of the driver a batch and worker, see benchmarks/bench_ray.py
GROWTH = 8  # of a batch against the one before, since one cheap task may not speak for all
AHEAD = 2  # batches a worker has to do: one runs, one waits
HELD = 16  # batches a worker may be ahead of the first that is not done
# A batch lost so often, and over so long, ends its workers itself. Both: workers that die of
# something else may do so several times a second.
MOST_LOSSES = 8
LOSING_S = 60.0


class WorkerLost(Exception):
    """A worker ended in the middle of a batch."""


class Workers(Protocol):
    """Whoever runs batches: what a stream needs of a pool or a cluster."""

    losses: int

    @property
    def workers(self) -> int:
        """How many batches run at the same time."""

    def start(self, function: Callable[[Item], Answer], items: Sequence[Item]) -> Any:
        """Begin `run_batch(function, items)`; a ticket for it."""

    def wait(self, tickets: Sequence[Any]) -> Sequence[Any]:
        """Those that are done or lost; at least one, however long that takes."""

    def result(self, ticket: Any) -> tuple[float, list[Any]]:
        """What `run_batch` gave.

        Raises:
            WorkerLost: if its worker ended.
        """


def run_batch(
    function: Callable[[Item], Answer], items: Sequence[Item]
) -> tuple[float, list[Answer]]:
    """Seconds spent and the results of some tasks: what a worker runs."""
    started = time.perf_counter()
    answers = [function(item) for item in items]
    return time.perf_counter() - started, answers


@dataclass(slots=True)
class Batch(Generic[Item]):
    """Tasks that travel together.

    Attributes:
        first: place of the first among all.
        items: of the tasks.
        ticket: of the worker that has them.
        losses: how often their worker was lost.
        lost_since: when that was the first time; None if never.
        answers: once they are done.
        error: what one of them raised.
    """

    first: int
    items: Sequence[Item]
    ticket: Any = None
    losses: int = 0
    lost_since: float | None = None
    answers: deque[Any] | None = None
    error: BaseException | None = None


@dataclass(slots=True)
class Stream(Iterator[Answer], Generic[Item, Answer]):
    """The results of `function` over `items`, in order; see `Executor.map`."""

    workers: Workers
    function: Callable[[Item], Answer]
    items: Sequence[Item]
    _next: int = 0  # first item not sent yet
    _size: int = 0  # of the last batch
    _seconds: float | None = None  # a task, by the last batch that came back
    _batches: deque[Batch[Item]] = field(default_factory=deque)  # not handed out, in order
    _running: dict[int, Batch[Item]] = field(default_factory=dict)  # by the id of their ticket

    def __post_init__(self) -> None:
        self._fill()

    def __next__(self) -> Answer:
        while True:
            if not self._batches:
                raise StopIteration
            head = self._batches[0]
            if head.error is not None:
                raise head.error
            if head.answers:
                answer: Answer = head.answers.popleft()
                return answer
            if head.answers is not None:  # all handed out
                self._batches.popleft()
                self._fill()
            else:
                self._take()

    def _fill(self) -> None:
        """Send what fits: few at once, so that memory and what a kill costs stay bounded."""
        while (
            self._next < len(self.items)
            and len(self._running) < AHEAD * self.workers.workers
            and len(self._batches) < HELD * self.workers.workers
        ):
            size = self._next_size()
            batch = Batch(self._next, self.items[self._next : self._next + size])
            self._next += size
            self._start(batch)
            self._batches.append(batch)

    def _next_size(self) -> int:
        """Tasks of the next batch: enough work for a call, but some for every worker."""
        if self._seconds is None:
            return 1
        target = max(TARGET_S, DRIVER_S * self.workers.workers)  # or the driver is never done
        by_cost = round(target / max(self._seconds, 1e-9))
        for_all = (len(self.items) - self._next) // (AHEAD * self.workers.workers)
        least = round(LEAST_S / max(self._seconds, 1e-9))
        self._size = max(1, min(by_cost, max(for_all, least), GROWTH * max(self._size, 1)))
        return self._size

    def _take(self) -> None:
        """Wait for a batch, keep its results, send lost ones again."""
        for ticket in self.workers.wait([batch.ticket for batch in self._running.values()]):
            batch = self._running.pop(id(ticket))
            try:
                seconds, answers = self.workers.result(ticket)
            except WorkerLost as loss:
                batch.losses += 1
                self.workers.losses += 1
                now = time.monotonic()
                batch.lost_since = batch.lost_since or now
                if batch.losses < MOST_LOSSES or now - batch.lost_since < LOSING_S:
                    self._start(batch)
                    continue
                last = batch.first + len(batch.items) - 1
                batch.error = ExecutorError(
                    f"tasks {batch.first} to {last} were lost {batch.losses} times with their "
                    f"worker ({loss}); do workers have enough memory?"
                )
            except Exception as error:  # the function's own, to be raised when its turn comes
                batch.error = error
            else:
                batch.answers = deque(answers)
                self._seconds = seconds / len(batch.items)
        self._fill()

    def _start(self, batch: Batch[Item]) -> None:
        batch.ticket = self.workers.start(self.function, batch.items)
        self._running[id(batch.ticket)] = batch
