"""Tasks for tests of executors: workers import them by name."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

from maenas.blocks import SpecError
from maenas.nas.executors import Shared
from tests.patience import PATIENCE_S


def drawn(seed: int) -> float:
    """A number that hangs on the seed alone."""
    return random.Random(seed).random()


def slow_first(number: int) -> int:
    """The first takes longest."""
    time.sleep(0.2 if number == 0 else 0.0)
    return number


def first_after_last(item: tuple[Path, int, int]) -> int:
    """The first item waits until the task of the last one has run."""
    folder, number, last = item
    (folder / str(number)).touch()
    until = time.monotonic() + PATIENCE_S
    while number == 0 and not (folder / str(last)).exists() and time.monotonic() < until:
        time.sleep(0.01)
    return number


def square_below_three(number: int) -> int:
    """A square, or an error of the user's."""
    if number >= 3:
        raise SpecError(f"number: must be below 3, got {number}.")
    return number * number


class Loaded:
    """Counts in each process how often it arrived there."""

    arrivals = 0

    def __setstate__(self, state: dict[str, Any]) -> None:
        Loaded.arrivals += 1
        self.__dict__.update(state)

    def __getstate__(self) -> dict[str, Any]:
        return {"here": True}


def arrivals(item: tuple[Shared[Loaded], int]) -> tuple[int, int]:
    """This process, and how often the shared value arrived in it."""
    shared, _ = item
    assert isinstance(shared.value, Loaded)
    return os.getpid(), Loaded.arrivals


def killed_once(item: tuple[Path, int]) -> int:
    """Ends its worker the first time each number comes."""
    folder, number = item
    mark = folder / str(number)
    if number % 3 == 0 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def process(number: int) -> int:
    """Who computes."""
    time.sleep(0.05)
    return os.getpid()


def blocked_signals(number: int) -> list[int]:
    """Signals that the process of the task blocks."""
    return [int(each) for each in signal.pthread_sigmask(signal.SIG_BLOCK, [])]
