"""Progress of a search."""

from __future__ import annotations

from maenas.budgets import show
from maenas.nas import Problem, SearchProgress
from maenas.terminal.progress import ItemLine, rate_text


class SearchLine(ItemLine):
    """A line with the time left, the best score and its cost, and candidates per second.

    Args:
        name: name of the search, such as its template.
        problem: problem that is searched.
        total: number of candidates to propose.
    """

    def __init__(self, name: str, problem: Problem, total: int) -> None:
        super().__init__(name, total, "candidates", done=None)  # counts from the first report
        self._problem = problem

    def __call__(self, progress: SearchProgress) -> None:
        """Update the line; prints when an update is due."""
        ranged = self._problem.ranged
        if progress.best_score is None or progress.best_price is None:
            best = "none within budget yet"
        else:
            price = show(ranged.quantity, progress.best_price)
            best = f"best {progress.best_score:.3f} at {price}"
        rejected = progress.unique - progress.accepted
        self.show(
            progress.evaluations,
            best,
            rate_text(self.rate(progress.evaluations)),
            f"{progress.accepted:,} accepted",
            f"{rejected:,} rejected",
        )
