"""Batches: sized by cost, few at once, in order, sent again when their worker is lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from maenas.nas.executors import ExecutorError, stream
from maenas.nas.executors.stream import (
    AHEAD,
    DRIVER_S,
    HELD,
    LEAST_S,
    LOSING_S,
    MOST_LOSSES,
    Stream,
    WorkerLost,
)


class SimulatedWorkers:
    """Workers on a simulated clock: a task takes `cost` seconds of it and no real time."""

    def __init__(self, workers: int, cost: float = 0.01, lost: Callable[[int], bool] | None = None):
        self.workers = workers
        self.losses = 0
        self.cost = cost
        self.lost = lost or (lambda number: False)
        self.batches: list[list[Any]] = []
        self.waiting = 0
        self.most_waiting = 0

    def start(self, function: Any, items: Sequence[Any]) -> tuple[int, Any, list[Any]]:
        self.batches.append(list(items))
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        return len(self.batches) - 1, function, list(items)

    def wait(self, tickets: Sequence[Any]) -> Sequence[Any]:
        return tickets[-1:]  # the one sent last is done first

    def result(self, ticket: tuple[int, Any, list[Any]]) -> tuple[float, list[Any]]:
        number, function, items = ticket
        self.waiting -= 1
        if self.lost(number):
            raise WorkerLost("killed")
        return self.cost * len(items), [function(item) for item in items]


def square(number: int) -> int:
    return number * number


def test_results_come_in_the_order_of_their_items_however_batches_end() -> None:
    assert list(Stream(SimulatedWorkers(4), square, range(1000))) == [n * n for n in range(1000)]


@pytest.mark.parametrize("cost", [1e-5, 1e-3, 0.02])
def test_a_batch_carries_enough_work_once_the_cost_of_a_task_is_known(cost: float) -> None:
    workers = SimulatedWorkers(2, cost)
    assert sum(1 for _ in Stream(workers, square, range(200_000))) == 200_000
    sizes = [len(batch) for batch in workers.batches]
    assert sizes[0] == 1
    carried = sum(size for size in sizes if cost * size >= LEAST_S)
    assert carried > 0.9 * 200_000


def test_dear_tasks_travel_alone() -> None:
    workers = SimulatedWorkers(2, cost=1.0)
    assert len(list(Stream(workers, square, range(20)))) == 20
    assert {len(batch) for batch in workers.batches} == {1}


def test_every_worker_gets_a_share_of_a_few_tasks() -> None:
    workers = SimulatedWorkers(4, cost=0.03)
    assert len(list(Stream(workers, square, range(60)))) == 60
    assert max(len(batch) for batch in workers.batches) * 4 < 60


def test_many_workers_get_larger_batches_so_that_the_driver_keeps_up() -> None:
    few, many = SimulatedWorkers(10, cost=0.1), SimulatedWorkers(1000, cost=0.1)
    for workers in (few, many):
        assert sum(1 for _ in Stream(workers, square, range(100_000))) == 100_000
    assert 0.1 * max(map(len, few.batches)) < 0.5
    assert 0.1 * max(map(len, many.batches)) == pytest.approx(DRIVER_S * 1000)


def test_few_batches_are_on_their_way_or_held_back() -> None:
    workers = SimulatedWorkers(3)
    answers = Stream(workers, square, range(100_000))
    assert next(answers) == 0
    assert workers.most_waiting <= AHEAD * 3
    assert len(workers.batches) <= HELD * 3
    assert sum(map(len, workers.batches)) < 10_000


def test_a_lost_batch_is_sent_again_as_it_was() -> None:
    workers = SimulatedWorkers(2, cost=0.05, lost=lambda number: number in (1, 4, 5))
    assert list(Stream(workers, square, range(50))) == [n * n for n in range(50)]
    assert workers.losses == 3
    sent = [item for batch in workers.batches for item in batch]
    lost = [item for number in (1, 4, 5) for item in workers.batches[number]]
    assert sorted(sent) == sorted([*range(50), *lost])


@pytest.fixture
def losing_s(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set how many seconds pass from one loss to the next."""

    def every(seconds: float) -> None:
        clock = SimpleNamespace(monotonic=count(1, seconds).__next__)
        monkeypatch.setattr(stream, "time", clock)

    return every


def test_what_is_lost_again_and_again_is_an_error_that_names_it(
    losing_s: Callable[[float], None],
) -> None:
    losing_s(LOSING_S / 10)
    workers = SimulatedWorkers(1, cost=1.0, lost=lambda number: number >= 3)
    answers = Stream(workers, square, range(10))
    assert [next(answers) for _ in range(3)] == [0, 1, 4]
    words = r"tasks \d to \d were lost (\d+) times with their worker \(killed\)"
    with pytest.raises(ExecutorError, match=words) as raised:
        list(answers)
    found = re.search(words, str(raised.value))
    assert found is not None
    assert int(found[1]) >= MOST_LOSSES


def test_many_losses_in_a_short_time_are_no_error(losing_s: Callable[[float], None]) -> None:
    losing_s(LOSING_S / 100)
    lost = 3 * MOST_LOSSES
    workers = SimulatedWorkers(1, cost=1.0, lost=lambda number: 3 <= number < 3 + lost)
    assert list(Stream(workers, square, range(10))) == [n * n for n in range(10)]
    assert workers.losses == lost


def test_few_losses_in_a_long_time_are_no_error(losing_s: Callable[[float], None]) -> None:
    losing_s(LOSING_S)
    workers = SimulatedWorkers(1, cost=1.0, lost=lambda number: 3 <= number < 3 + MOST_LOSSES - 1)
    assert list(Stream(workers, square, range(10))) == [n * n for n in range(10)]


def test_an_error_of_a_task_comes_when_its_turn_has_come() -> None:
    def odd(number: int) -> int:
        if number == 7:
            raise ValueError("seven")
        return number

    answers = Stream(SimulatedWorkers(4, cost=1.0), odd, range(20))
    assert [next(answers) for _ in range(7)] == list(range(7))
    with pytest.raises(ValueError, match="seven"):
        next(answers)


def test_results_are_there_as_soon_as_their_tasks_are_done() -> None:
    workers = SimulatedWorkers(4, cost=1.0)
    completed = list(Stream(workers, square, range(20)).as_completed())
    assert [index for index, _ in completed[:2]] == [
        7,
        8,
    ]  # of eight in flight, the last ends first
    assert sorted(completed) == [(n, n * n) for n in range(20)]


def test_as_completed_counts_items_in_batches_of_several() -> None:
    completed = list(Stream(SimulatedWorkers(2, cost=0.01), square, range(500)).as_completed())
    assert sorted(completed) == [(n, n * n) for n in range(500)]


def test_as_completed_sends_lost_batches_again() -> None:
    workers = SimulatedWorkers(2, cost=1.0, lost=lambda number: number in (1, 4, 5))
    completed = list(Stream(workers, square, range(12)).as_completed())
    assert sorted(completed) == [(n, n * n) for n in range(12)]
    assert workers.losses == 3


def test_an_error_comes_after_the_results_that_are_there() -> None:
    def all_but_seven(number: int) -> int:
        if number == 7:
            raise ValueError("seven")
        return number

    workers = SimulatedWorkers(4, cost=1.0)
    workers.wait = lambda tickets: tickets  # type: ignore[method-assign]
    completed = Stream(workers, all_but_seven, range(20)).as_completed()
    assert [next(completed) for _ in range(7)] == [(n, n) for n in range(7)]
    with pytest.raises(ValueError, match="seven"):
        next(completed)
