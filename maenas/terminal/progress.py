"""Progress of long tasks: a live line on a terminal, records of a logger elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from maenas.blocks.files.words import printable
from maenas.terminal.console import ERR
from maenas.terminal.log import is_printed

LOG = logging.getLogger(__name__)
PLAIN_EVERY_S = 5.0
PLAIN_WIDTH = 80  # characters of a plain line
BAR = (4, 20)  # minimum and maximum width of the bar
GAPS = 2  # characters between name, bar and text
FEW = 3  # items after the first one, from which their rate is known


class LiveLine:
    """A progress line: updated in place on a terminal, logged every few seconds elsewhere.

    Its text has parts, the most useful first. The last ones are left out where the line is too
    narrow for them; `--verbose` shows all.

    Args:
        name: name of the task, such as "detect".
        every_s: seconds between two plain lines.
    """

    def __init__(self, name: str, every_s: float = PLAIN_EVERY_S) -> None:
        self._name = name
        self._every_s = every_s
        self._printed = time.monotonic()
        self._bar = BarColumn(bar_width=BAR[1])
        self._progress: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> Self:
        if is_printed() and sys.stderr.isatty():
            self._progress = Progress(
                TextColumn(f"[bold]{self._name}[/]"),
                self._bar,
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

    def write(self, share: float, *parts: str) -> None:
        """Update the share that is done and the parts of the text; prints when it is time to."""
        if self._progress is not None:
            room = ERR.width - len(self._name) - GAPS
            text = fitted(parts, room - BAR[0])
            self._bar.bar_width = max(BAR[0], min(BAR[1], room - len(text)))
            self._progress.update(self._task, completed=share, text=text)
            return
        now = time.monotonic()
        if now - self._printed >= self._every_s or share >= 1:
            self._printed = now
            LOG.info(f"{self._name}: {fitted(parts, PLAIN_WIDTH - len(self._name) - GAPS)}")


class Pace:
    """The rate of items from the end of the first one, which includes the start-up.

    Args:
        done: number of items done before this process; None takes it from the first call.
    """

    def __init__(self, done: int | None) -> None:
        self.start: tuple[int, float] | None = None  # items done and time, after the first item
        self._before = done

    def rate(self, done: int) -> float | None:
        """Items per second since the first item was done; None before a few more are."""
        now = time.monotonic()
        if self.start is None:
            if self._before is None or done > self._before:
                self.start = done, now
            return None
        count, seconds = done - self.start[0], now - self.start[1]
        return count / seconds if count >= FEW and seconds > 0 else None

    def leave_out(self, items: int) -> None:
        """Exclude items that count as done without work."""
        if self.start is not None:
            self.start = self.start[0] + items, self.start[1]


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
        self._pace = Pace(done)

    @property
    def has_started(self) -> bool:
        """Whether the first item of this process is done; it includes what is done but once."""
        return self._pace.start is not None

    def rate(self, done: int) -> float | None:
        """Items per second after the first one of this process; None after too few of them."""
        return self._pace.rate(done)

    def leave_out(self, items: int) -> None:
        """Exclude items that count as done without work from the rate."""
        self._pace.leave_out(items)

    def show(self, done: int, *status: str, before: str = "") -> None:
        """Update the number of items done and the status; prints when it is time to.

        Args:
            done: number of items done.
            status: further parts of the text, the most useful first; "" is left out.
            before: part of the text before the number of items.
        """
        rate, left = self.rate(done), max(0, self.total - done)
        self.write(
            done / self.total if left else 1.0,
            before,
            f"{done:,}/{self.total:,} {self._unit}",
            "" if rate is None else f"{clock(left / rate)} left",
            *status,
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
        rate = rate_text(self.rate(self.done), 1)
        if self.is_open:
            self.write(0.0, f"{self.done:,} {self._unit}", rate)
        else:
            self.show(self.done, rate)


def fitted(parts: Sequence[str], width: int) -> str:
    """The parts as one text, without the last ones that it has no room for.

    The first part stays however long it is; `--verbose` keeps all, on several lines.
    """
    kept = [printable(part) for part in parts if part]
    while len(kept) > 1 and len(", ".join(kept)) > width and not is_printed(logging.DEBUG):
        kept.pop()
    return ", ".join(kept)


def rate_text(rate: float | None, digits: int = 0) -> str:
    """A rate as text, such as "12.5/s"; "" if it is not known."""
    return "" if rate is None else f"{rate:,.{digits}f}/s"


def clock(seconds: float) -> str:
    """A duration as hours, minutes and seconds."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
