"""Progress through a list of things: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from maenas.console import ERR

PLAIN_EVERY_S = 5.0


class Counter:
    """Shows how many are done, how many a second, and how long the rest takes.

    Args:
        name: of the work, such as "detect".
        total: how many there are, as far as known.
        unit: what they are, in the plural.
    """

    def __init__(self, name: str, total: int, unit: str) -> None:
        self.done = 0
        self.total = total
        self._name = name
        self._unit = unit
        self._started = self._printed = time.monotonic()
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        if ERR.is_terminal:
            self._progress = Progress(
                TextColumn(f"[bold]{self._name}[/]"),
                BarColumn(bar_width=20),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                console=ERR,
                transient=True,
            )
            self._task = self._progress.add_task(self._name, total=self.total, rate="")
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

    def add(self, count: int) -> None:
        """Say that there are so many more to do, or fewer."""
        self.total += count

    def advance(self, count: int = 1) -> None:
        """Say that so many more are done; prints when it is time."""
        self.done += count
        now = time.monotonic()
        rate = self.done / max(now - self._started, 1e-9)
        if self._progress is not None:
            self._progress.update(
                self._task, completed=self.done, total=self.total, rate=f"{rate:.1f}/s"
            )
        elif now - self._printed >= PLAIN_EVERY_S or self.done == self.total:
            self._printed = now
            left = max(0, self.total - self.done) / rate
            ERR.print(
                f"{self._name}: {self.done:,}/{self.total:,} {self._unit}, {rate:.1f}/s, "
                f"{left:.0f} s left"
            )
