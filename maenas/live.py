"""Progress of a search: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column

from budgets import show
from maenas.console import ERR
from nas import Problem
from nas import Progress as SearchProgress

PLAIN_EVERY_S = 5.0


class LiveLine:
    """Shows candidates/s, the best score, its price against the budget, accepted and rejected.

    Args:
        name: of the search, such as its template.
        problem: what is searched.
        total: candidates to propose.
    """

    def __init__(self, name: str, problem: Problem, total: int) -> None:
        self._name = name
        self._problem = problem
        self._total = total
        self._started = time.monotonic()
        self._first: int | None = None
        self._printed = self._started
        self._progress: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> Self:
        if ERR.is_terminal:
            self._progress = Progress(
                TextColumn(f"[bold]{self._name}[/]"),
                BarColumn(bar_width=20),
                TextColumn("{task.fields[status]}", table_column=Column()),  # wraps if it must
                TimeRemainingColumn(),
                console=ERR,
                transient=True,
            )
            self._task = self._progress.add_task("search", total=self._total, status="starting")
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

    def __call__(self, progress: SearchProgress) -> None:
        """Take in progress; prints when it is time."""
        if self._first is None:
            self._first = progress.evaluations  # a resumed run starts here
        if self._progress is not None:
            status = self._status(progress)
            self._progress.update(self._task, completed=progress.evaluations, status=status)
            return
        now = time.monotonic()
        if now - self._printed >= PLAIN_EVERY_S or progress.evaluations == self._total:
            self._printed = now
            done = progress.evaluations / self._total
            left = (now - self._started) * (1 - done) / max(done, 1e-9)
            ERR.print(
                f"{self._name}: {progress.evaluations:,}/{self._total:,} "
                f"({self._status(progress)}), {left:.0f} s left"
            )

    def _status(self, progress: SearchProgress) -> str:
        seconds = max(time.monotonic() - self._started, 1e-9)
        rate = (progress.evaluations - (self._first or 0)) / seconds
        ranged = self._problem.ranged
        if progress.best_score is None or progress.best_price is None:
            best = "none within budget yet"
        else:
            price = show(ranged.quantity, progress.best_price)
            limit = show(ranged.quantity, ranged.limit)
            best = f"best {progress.best_score:.3f} at {price} of {limit}"
        rejected = progress.unique - progress.accepted
        return f"{rate:,.0f}/s, {best}, {progress.accepted:,} accepted, {rejected:,} rejected"
