"""Progress of a search."""

from __future__ import annotations

from maenas.budgets import show
from maenas.nas import Problem, Progress
from maenas.terminal.progress import Line


class SearchLine(Line):
    """Shows candidates a second, the best score, its price against the budget, and rejections.

    Args:
        name: of the search, such as its template.
        problem: what is searched.
        total: candidates to propose.
    """

    def __init__(self, name: str, problem: Problem, total: int) -> None:
        super().__init__(name, total, "candidates", done=None)  # a resumed run says at once
        self._problem = problem

    def __call__(self, progress: Progress) -> None:
        """Take in progress; prints when it is time."""
        ranged = self._problem.ranged
        if progress.best_score is None or progress.best_price is None:
            best = "none within budget yet"
        else:
            price = show(ranged.quantity, progress.best_price)
            limit = show(ranged.quantity, ranged.limit)
            best = f"best {progress.best_score:.3f} at {price} of {limit}"
        rejected = progress.unique - progress.accepted
        self.show(
            progress.evaluations,
            f"{self.rate(progress.evaluations):,.0f}/s, {best}, {progress.accepted:,} accepted, "
            f"{rejected:,} rejected",
        )
