"""Batches of tasks on workers: sized by measured cost, few in flight, resent if lost."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol

from maenas.nas.executors.executor import Answer, ExecutorError, Item

LEAST_S = 0.1  # seconds of work per batch at least, since a call costs milliseconds
TARGET_S = 0.25  # seconds of work per batch
DRIVER_S = 0.002  # seconds of the driver per batch and worker, from benchmarks/bench_ray.py
GROWTH = 8  # largest growth from one batch to the next, since one cheap task may be an exception
AHEAD = 2  # batches per worker in flight: one runs, one waits
HELD = 16  # batches per worker that may be sent after the first unfinished one
# A batch that is lost this often, over this much time, is the cause of the loss. Both conditions
# are needed: workers that fail for another reason may fail several times per second.
MOST_LOSSES = 8
LOSING_S = 60.0


class WorkerLost(Exception):
    """A worker ended before its batch was done."""


class Workers(Protocol):
    """The interface that a stream needs of a process pool or a cluster."""

    losses: int

    @property
    def workers(self) -> int:
        """Number of batches that run at the same time."""

    def start(self, function: Callable[[Item], Answer], items: Sequence[Item]) -> Any:
        """Start `run_batch(function, items)` on a worker and return a ticket for it."""

    def wait(self, tickets: Sequence[Any]) -> Sequence[Any]:
        """The tickets that are done or lost; waits until there is at least one."""

    def result(self, ticket: Any) -> tuple[float, list[Any]]:
        """The return value of `run_batch`.

        Raises:
            WorkerLost: if the worker of the batch ended.
        """


def run_batch(
    function: Callable[[Item], Answer], items: Sequence[Item]
) -> tuple[float, list[Answer]]:
    """Run some tasks in a worker; returns the seconds spent and the results."""
    started = time.perf_counter()
    answers = [function(item) for item in items]
    return time.perf_counter() - started, answers


@dataclass(slots=True)
class TaskBatch(Generic[Item]):
    """Tasks that are sent to a worker together.

    Attributes:
        first: index of the first task among all tasks.
        items: items of the tasks.
        ticket: ticket that the workers gave for the batch.
        losses: number of times that the worker was lost.
        lost_since: time of the first loss; None if there was none.
        answers: results of the tasks; None until the batch is done.
        error: exception that a task raised.
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
    """The results of `function` over `items`, in order; see `Executor.map`.

    `as_completed` gives them as they come instead; a stream is read in one of the two ways.
    """

    workers: Workers
    function: Callable[[Item], Answer]
    items: Sequence[Item]
    _next: int = 0  # index of the first item not sent yet
    _size: int = 0  # number of tasks in the last batch
    _seconds: float | None = None  # seconds per task in the last finished batch
    _batches: deque[TaskBatch[Item]] = field(default_factory=deque)  # not returned yet, in order
    _running: dict[int, TaskBatch[Item]] = field(default_factory=dict)  # by id of the ticket

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
            if head.answers is not None:  # all its results are returned
                self._batches.popleft()
                self._fill()
            else:
                self._take()

    def as_completed(self) -> Iterator[tuple[int, Answer]]:
        """The index of each item and its result, as they come; see `Executor.as_completed`."""
        while self._batches:
            self._take()
            left: deque[TaskBatch[Item]] = deque()
            for batch in self._batches:
                if batch.answers is None:
                    left.append(batch)
                else:
                    yield from enumerate(batch.answers, batch.first)
            self._batches = left
            for batch in left:
                if batch.error is not None:
                    raise batch.error
            self._fill()

    def _fill(self) -> None:
        """Send batches up to a limit, which bounds the memory and the work lost when killed."""
        while (
            self._next < len(self.items)
            and len(self._running) < AHEAD * self.workers.workers
            and len(self._batches) < HELD * self.workers.workers
        ):
            size = self._next_size()
            batch = TaskBatch(self._next, self.items[self._next : self._next + size])
            self._next += size
            self._start(batch)
            self._batches.append(batch)

    def _next_size(self) -> int:
        """Number of tasks in the next batch: enough work for a call, and some for each worker."""
        if self._seconds is None:
            return 1
        target = max(TARGET_S, DRIVER_S * self.workers.workers)  # or the driver limits the speed
        by_cost = round(target / max(self._seconds, 1e-9))
        for_all = (len(self.items) - self._next) // (AHEAD * self.workers.workers)
        least = round(LEAST_S / max(self._seconds, 1e-9))
        self._size = max(1, min(by_cost, max(for_all, least), GROWTH * max(self._size, 1)))
        return self._size

    def _take(self) -> None:
        """Wait for a batch, keep its results, resend lost batches."""
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
            except Exception as error:  # raised by the function; raised again at its turn
                batch.error = error
            else:
                batch.answers = deque(answers)
                self._seconds = seconds / len(batch.items)
        self._fill()

    def _start(self, batch: TaskBatch[Item]) -> None:
        batch.ticket = self.workers.start(self.function, batch.items)
        self._running[id(batch.ticket)] = batch
