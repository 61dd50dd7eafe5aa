"""Progress of a profile."""

from __future__ import annotations

from maenas.budgets.profiling.profile import ProfileProgress
from maenas.terminal.progress import LiveLine, clock


class ProfileLine(LiveLine):
    """A line with the time left, because a profile ends when its time is used up.

    Args:
        total: number of graphs to measure if the time is enough.
        seconds: time limit of the profile.
    """

    def __init__(self, total: int, seconds: float) -> None:
        super().__init__("profile")
        self._total = total
        self._seconds = seconds

    def __call__(self, progress: ProfileProgress) -> None:
        """Update the line after a graph is measured."""
        share = max(progress.done / self._total, min(1.0, progress.seconds / self._seconds))
        left = f"{clock(progress.seconds * (1 / share - 1))} left"
        if progress.seconds > self._seconds:
            each = progress.seconds / progress.done
            rest = clock(progress.lacking * each)
            left = f"over time: {progress.lacking} networks to go, about {rest}"
        warned = f" ({', '.join(progress.warnings)})" if progress.warnings else ""
        rate = progress.done / max(progress.seconds, 1e-9)
        self.write(
            min(share, 0.999),  # more may follow
            f"{progress.done} graphs, {rate:.1f}/s, {left}: {progress.name} "
            f"{progress.milliseconds:.3f} ms{warned}",
        )
