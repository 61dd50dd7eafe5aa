"""The contract of a tracker, and how a training calls it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from maenas.blocks.files.words import one_line
from maenas.detector.train import EpochResult, StepResult

LOG = logging.getLogger(__name__)

STEPS_BETWEEN = 10  # steps between two points of a curve


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """A training that begins or continues.

    Attributes:
        folder: folder of the run.
        settings: values of the recipe by name, such as "optimizer.lr", with the data set and the
            number of classes.
        first_step: number of the first step; 0 for a new run. A service that already has later
            steps of a run that was killed should drop them.
    """

    folder: Path
    settings: Mapping[str, str | int | float | bool]
    first_step: int


class Tracker:
    """Base class of trackers: override the methods that you need.

    A training calls them in its first process. An exception ends the tracker, not the training.
    """

    def start(self, run: TrackedRun) -> None:
        """Begin, before the first step."""

    def step(self, step: StepResult) -> None:
        """Take a training step."""

    def epoch(self, epoch: EpochResult) -> None:
        """Take an epoch; its row has AP only if it was evaluated."""

    def end(self, is_finished: bool) -> None:
        """End, after the last step or where the training was stopped."""


class NumberTracker(Tracker):
    """A tracker of named numbers: a subclass only says where they go."""

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """Take numbers of a step by name, such as "step/lr" or "epoch/ap"."""
        raise NotImplementedError

    def step(self, step: StepResult) -> None:
        """Pass on losses, learning rate, gradient and speed of every tenth step."""
        if step.number % STEPS_BETWEEN:
            return
        values = {f"step/{name}": value for name, value in step.parts.items()}
        values |= {"step/lr": step.lr, "step/gradient": step.norm}
        values["step/images_per_s"] = step.images / step.seconds
        self.numbers(values, step.number)

    def epoch(self, epoch: EpochResult) -> None:
        """Pass on loss and AP of an epoch."""
        names = [name for name in ("loss", "ap", "ap50") if name in epoch.row]
        values = {f"epoch/{name}": epoch.row[name] for name in names}
        self.numbers(values, int(epoch.row["step"]))


class Trackers:
    """The trackers of a training; one that fails is told and left out from then on.

    Args:
        trackers: trackers to call.
        run: training that they follow.

    Attributes:
        is_stopped: whether the training is stopped before its last step.
    """

    def __init__(self, trackers: Sequence[Tracker], run: TrackedRun) -> None:
        self.is_stopped = False
        self._trackers = list(trackers)
        self._run = run

    def __enter__(self) -> Self:
        self._each(lambda tracker: tracker.start(self._run))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._each(lambda tracker: tracker.end(error is None and not self.is_stopped))

    def step(self, step: StepResult) -> None:
        """Pass on a step."""
        self._each(lambda tracker: tracker.step(step))

    def epoch(self, epoch: EpochResult) -> None:
        """Pass on an epoch."""
        self._each(lambda tracker: tracker.epoch(epoch))

    def _each(self, call: Callable[[Tracker], None]) -> None:
        for tracker in list(self._trackers):
            try:
                call(tracker)
            except Exception as error:  # whatever a service raises, hours of training go on
                self._trackers.remove(tracker)
                name = type(tracker).__name__
                LOG.warning(f"{name}: failed, the training goes on without it: {one_line(error)}")
