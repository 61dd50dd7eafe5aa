"""Progress of a profile."""

from __future__ import annotations

from maenas.budgets.profiling.profile import Step
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

    def __call__(self, step: Step) -> None:
        """Update the line after a graph is measured."""
        share = max(step.done / self._total, min(1.0, step.seconds / self._seconds))
        left = f"{clock(step.seconds * (1 / share - 1))} left"
        if step.seconds > self._seconds:
            each = step.seconds / step.done
            left = f"over time: {step.lacking} networks to go, about {clock(step.lacking * each)}"
        warned = f" ({', '.join(step.warnings)})" if step.warnings else ""
        rate = step.done / max(step.seconds, 1e-9)
        self.write(
            min(share, 0.999),  # more may follow
            f"{step.done} graphs, {rate:.1f}/s, {left}: {step.name} "
            f"{step.milliseconds:.3f} ms{warned}",
        )
