"""An executor of worker processes on this machine."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import connection, get_context, parent_process
from threading import Thread
from typing import Any

from maenas.nas.executors.executor import Answer, Executor, Item, Shared, Value, key_of
from maenas.nas.executors.stream import Stream, WorkerLost, run_batch


class ProcessPool(Executor):
    """Executor of worker processes; if one is lost, all are replaced.

    Args:
        workers: number of processes; they start with the first task.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool = self._new()

    @property
    def workers(self) -> int:
        return self._workers

    def map(self, function: Callable[[Item], Answer], items: Sequence[Item]) -> Iterator[Answer]:
        return Stream(self, function, items)

    def as_completed(
        self, function: Callable[[Item], Answer], items: Sequence[Item]
    ) -> Iterator[tuple[int, Answer]]:
        return Stream(self, function, items).as_completed()

    def share(self, value: Value) -> Shared[Value]:
        content = pickle.dumps(value)
        return Shared(value, key_of(content), partial(bytes, content))

    def close(self) -> None:
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:  # or Python would wait for unneeded tasks at exit
            process.kill()

    # The methods of `Workers`, which a stream calls.

    def start(self, function: Callable[[Item], Answer], items: Sequence[Item]) -> Future[Any]:
        with _unsignalled_children():
            try:
                return self._pool.submit(run_batch, function, items)
            except BrokenProcessPool:
                self._pool = self._new()
                return self._pool.submit(run_batch, function, items)

    def wait(self, tickets: Sequence[Future[Any]]) -> Sequence[Future[Any]]:
        done = wait(tickets, return_when=FIRST_COMPLETED).done
        return [ticket for ticket in tickets if ticket in done]

    def result(self, ticket: Future[Any]) -> tuple[float, list[Any]]:
        try:
            found: tuple[float, list[Any]] = ticket.result()
        except BrokenProcessPool:
            raise WorkerLost("a worker process ended") from None
        return found

    def _new(self) -> ProcessPoolExecutor:
        with _unsignalled_children():
            return ProcessPoolExecutor(
                self._workers, mp_context=get_context("spawn"), initializer=_begin_worker
            )


@contextmanager
def _unsignalled_children() -> Iterator[None]:
    """Block Ctrl-C and the closing of the terminal for processes started in this block.

    Only the parent handles these signals, and ends the workers. Python's resource tracker, which
    the pool starts too, ignores Ctrl-C alone, and printed a traceback for each semaphore.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker() -> None:
    """Set one thread per worker; the parent handles Ctrl-C and ends its workers."""
    os.environ["OMP_NUM_THREADS"] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)
