"""What a training needs, and what it reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from maenas.detector.data import TrainLoader
from maenas.detector.distill import Teaching
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.train.ranks import Ranks
from maenas.detector.train.recipe import Recipe
from maenas.detector.train.state import Identity, Row, RunFolder

PARTS = ("quality_focal", "giou", "distribution_focal")
FEATURE = "feature"  # one more part of the loss in a distillation


class ApScores(Protocol):
    """What the loop reads of an evaluation: AP as COCO has it, and at an IoU of 0.5; 0..1."""

    @property
    def ap(self) -> float: ...

    @property
    def ap50(self) -> float: ...


# The accuracy of a network, which is ready to be run: averaged weights, evaluation mode.
Evaluate = Callable[[DetectorNetwork], ApScores]


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step that was tried.

    Attributes:
        epoch: from 0.
        number: among all steps, from 0.
        lr: its rate.
        parts: of the loss, by name; means over the step.
        norm: length of the gradient.
        images: seen in all processes.
        taken: False if it was passed over, its loss not being finite.
        seconds: it took.
        waited: seconds of these spent waiting for images.
    """

    epoch: int
    number: int
    lr: float
    parts: dict[str, float]
    norm: float
    images: int
    taken: bool
    seconds: float
    waited: float


@dataclass(frozen=True, slots=True)
class EpochResult:
    """One epoch, saved.

    Attributes:
        number: of finished epochs.
        row: what is noted of it; AP only if it was evaluated.
        is_best: whether its detector is the best so far.
    """

    number: int
    row: Row
    is_best: bool


@dataclass(frozen=True, slots=True)
class Pause:
    """The end of a training that was asked to stop; its state is saved.

    Attributes:
        epoch: number of finished epochs.
        step: number of steps tried so far.
    """

    epoch: int
    step: int


def never() -> bool:
    """No stop is asked for."""
    return False


@dataclass(frozen=True, slots=True)
class Training:
    """All that a training needs.

    Attributes:
        network: with its first weights.
        recipe: how to train it.
        loader: of this process' images.
        accumulation_steps: batches of the loader whose gradients make a step.
        batch: images of a step in all processes, which the learning rate follows.
        ranks: this process among the others.
        folder: of the run.
        identity: what must not change if it is continued.
        evaluate: the accuracy of a network; None to do without.
        teaching: what it learns from a teacher; None to learn from the labels alone.
        stopping: whether this process was asked to stop; it then saves its state after the step.
    """

    network: DetectorNetwork
    recipe: Recipe
    loader: TrainLoader
    accumulation_steps: int
    batch: int
    ranks: Ranks
    folder: RunFolder
    identity: Identity
    evaluate: Evaluate | None = None
    teaching: Teaching | None = None
    stopping: Callable[[], bool] = never

    @property
    def steps_per_epoch(self) -> int:
        """Of the optimizer."""
        return -(-len(self.loader) // self.accumulation_steps)

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the loss' parts."""
        return PARTS if self.teaching is None else (*PARTS, FEATURE)
