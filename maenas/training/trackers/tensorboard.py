"""TensorBoard: event files in the folder of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from maenas.training.trackers.tracker import NumberTracker, TrackedRun

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter


class TensorBoard(NumberTracker):
    """Writes events for `tensorboard --logdir runs`."""

    def __init__(self) -> None:
        self._events: SummaryWriter | None = None

    def start(self, run: TrackedRun) -> None:
        """Open a file of events; later events of a run that was killed are dropped."""
        from torch.utils.tensorboard.writer import SummaryWriter

        self._events = SummaryWriter(str(run.folder), purge_step=run.first_step)

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """Add a point to each curve."""
        assert self._events is not None
        for name, value in values.items():
            self._events.add_scalar(name, value, step)

    def end(self, is_finished: bool) -> None:
        """Close the file."""
        if self._events is not None:
            self._events.close()
