"""Progress of a profile."""

from __future__ import annotations

from maenas.budgets.profiling.profile import ProfileProgress
from maenas.terminal.progress import ItemLine, clock, rate_text


class ProfileLine(ItemLine):
    """A line with the time left, because a profile ends when its time is used up.

    Args:
        total: number of graphs to measure if the time is enough.
        seconds: time limit of the profile.
    """

    def __init__(self, total: int, seconds: float) -> None:
        super().__init__("profile", total, "graphs")
        self._seconds = seconds

    def __call__(self, progress: ProfileProgress) -> None:
        """Update the line after a graph is measured."""
        share = max(progress.done / self.total, min(1.0, progress.seconds / self._seconds))
        rate = self.rate(progress.done)
        rest = self._seconds - progress.seconds
        if rate is not None:
            rest = min(rest, (self.total - progress.done) / rate)
        left = f"{clock(max(0.0, rest))} left"
        if progress.seconds > self._seconds:
            left = f"over time: {progress.lacking} networks to go"
            if rate is not None:
                left += f", about {clock(progress.lacking / rate)}"
        warned = f" ({', '.join(progress.warnings)})" if progress.warnings else ""
        self.write(
            min(share, 0.999),  # more may follow
            f"{progress.done} graphs",
            left,
            f"{progress.name} {progress.milliseconds:.3f} ms{warned}",
            rate_text(rate, 1),
        )
