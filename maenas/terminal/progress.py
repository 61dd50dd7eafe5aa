"""Progress of long tasks: a live line on a terminal, records of a logger elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from maenas.blocks.files.words import printable
from maenas.terminal.console import ERR
from maenas.terminal.log import is_printed

LOG = logging.getLogger(__name__)
PLAIN_EVERY_S = 5.0


class LiveLine:
    """A progress line: updated in place on a terminal, logged every few seconds elsewhere.

    Args:
        name: name of the task, such as "detect".
        every_s: seconds between two plain lines.
    """

    def __init__(self, name: str, every_s: float = PLAIN_EVERY_S) -> None:
        self._name = name
        self._every_s = every_s
        self._started = self._printed = time.monotonic()
        self._progress: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> Self:
        if is_printed() and sys.stderr.isatty():
            self._progress = Progress(
                TextColumn(f"[bold]{self._name}[/]"),
                BarColumn(bar_width=20),
                TextColumn("{task.fields[text]}", table_column=Column()),  # may wrap
                console=ERR,
                transient=True,
            )
            self._task = self._progress.add_task(self._name, total=1.0, text="starting")
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def write(self, share: float, text: str) -> None:
        """Update the share that is done and the text; prints when an update is due."""
        if self._progress is not None:
            self._progress.update(self._task, completed=share, text=printable(text))
            return
        now = time.monotonic()
        if now - self._printed >= self._every_s or share >= 1:
            self._printed = now
            LOG.info(f"{self._name}: {text}")


class ItemLine(LiveLine):
    """A progress line for a task with a number of items.

    Args:
        name: name of the task.
        total: number of items, as far as known.
        unit: name of the items, in the plural.
        done: number of items done before this process; None takes it from the first update.
        every_s: seconds between two plain lines.
    """

    def __init__(
        self,
        name: str,
        total: int,
        unit: str,
        done: int | None = 0,
        every_s: float = PLAIN_EVERY_S,
    ) -> None:
        super().__init__(name, every_s)
        self.total = total
        self._unit = unit
        self._first = done

    def rate(self, done: int) -> float:
        """Items per second of this process."""
        if self._first is None:
            self._first = done
        return (done - self._first) / max(time.monotonic() - self._started, 1e-9)

    def show(self, done: int, status: str) -> None:
        """Update the number of items done and the status; prints when an update is due."""
        rate, left = self.rate(done), max(0, self.total - done)
        time_left = f"{clock(left / rate)} left" if rate else "time left unknown"
        self.write(
            done / self.total if left else 1.0,
            f"{done:,}/{self.total:,} {self._unit}, {status}, {time_left}",
        )


class Counter(ItemLine):
    """A progress line that counts the items itself; see `ItemLine` for the arguments."""

    done = 0
    is_open = False  # whether the number of items is unknown, as for a live stream

    def add(self, count: int) -> None:
        """Add `count` items to the total; a negative count removes some."""
        self.total += count

    def advance(self, count: int = 1) -> None:
        """Count more items as done; prints when an update is due."""
        self.done += count
        rate = f"{self.rate(self.done):.1f}/s"
        if self.is_open:
            self.write(0.0, f"{self.done:,} {self._unit}, {rate}")
        else:
            self.show(self.done, rate)


def clock(seconds: float) -> str:
    """A duration as hours, minutes and seconds."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
