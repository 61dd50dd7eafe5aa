"""Progress of long work: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from maenas.terminal.console import ERR, printable

PLAIN_EVERY_S = 5.0


class LiveLine:
    """One line about some work: rewritten on a terminal, else a new one now and then.

    Args:
        name: of the work, such as "detect".
        every_s: seconds from one plain line to the next.
    """

    def __init__(self, name: str, every_s: float = PLAIN_EVERY_S) -> None:
        self._name = name
        self._every_s = every_s
        self._started = self._printed = time.monotonic()
        self._progress: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> Self:
        if ERR.is_terminal:
            self._progress = Progress(
                TextColumn(f"[bold]{self._name}[/]"),
                BarColumn(bar_width=20),
                TextColumn("{task.fields[text]}", table_column=Column()),  # wraps if it must
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
        """Say that such a share is done, and how it goes; prints when it is time."""
        if self._progress is not None:
            self._progress.update(self._task, completed=share, text=printable(text))
            return
        now = time.monotonic()
        if now - self._printed >= self._every_s or share >= 1:
            self._printed = now
            ERR.print(f"{self._name}: {text}")


class Line(LiveLine):
    """A line about work that is counted.

    Args:
        name: of the work.
        total: how many things there are, as far as known.
        unit: what they are, in the plural.
        done: of them, by a run that is continued; None for as many as are done at the first look.
        every_s: seconds from one plain line to the next.
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
        """Things a second, of those done by this process."""
        if self._first is None:
            self._first = done
        return (done - self._first) / max(time.monotonic() - self._started, 1e-9)

    def show(self, done: int, status: str) -> None:
        """Say that so many are done, and how it goes; prints when it is time."""
        rate, left = self.rate(done), max(0, self.total - done)
        time_left = f"{clock(left / rate)} left" if rate else "time left unknown"
        self.write(
            done / self.total if left else 1.0,
            f"{done:,}/{self.total:,} {self._unit}, {status}, {time_left}",
        )


class Counter(Line):
    """A line about things that are done one after the other; see `Line` for the arguments."""

    done = 0

    def add(self, count: int) -> None:
        """Say that there are so many more to do, or fewer."""
        self.total += count

    def advance(self, count: int = 1) -> None:
        """Say that so many more are done; prints when it is time."""
        self.done += count
        self.show(self.done, f"{self.rate(self.done):.1f}/s")


def clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
