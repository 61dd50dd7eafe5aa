"""The inputs of a training and the results that it reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from maenas.detector.data import TrainLoader
from maenas.detector.distill import Teaching
from maenas.detector.losses import ONE_TO_ONE
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.train.ranks import Ranks
from maenas.detector.train.recipe import Recipe
from maenas.detector.train.state import Identity, Row, RunFolder

PARTS = ("quality_focal", "giou", "distribution_focal")
FEATURE = "feature"  # additional part of the loss in distillation
OPTIONAL_PARTS = (ONE_TO_ONE, FEATURE)


class ApScores(Protocol):
    """The metrics that the loop reads: COCO AP and AP at an IoU of 0.5, both in 0..1."""

    @property
    def ap(self) -> float: ...

    @property
    def ap50(self) -> float: ...


# Computes the accuracy of a network, which has the averaged weights and is in evaluation mode.
Evaluate = Callable[[DetectorNetwork], ApScores]


@dataclass(frozen=True, slots=True)
class StepResult:
    """The result of one training step.

    Attributes:
        epoch: number of the epoch, from 0.
        number: number of the step in the training, from 0.
        lr: learning rate of this step.
        parts: parts of the loss by name, means over the step.
        norm: norm of the gradient.
        images: number of images in all processes.
        taken: whether the step was taken; False if its loss or gradient was not finite.
        seconds: duration of the step.
        waited: part of `seconds` in which the step waited for images.
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
    """The result of one epoch.

    Attributes:
        number: number of finished epochs.
        row: values of the epoch by column; with AP only if it was evaluated.
        is_best: whether its detector is the best so far.
    """

    number: int
    row: Row
    is_best: bool


@dataclass(frozen=True, slots=True)
class Jump:
    """The omission of epochs in a training whose AP no longer rises.

    Attributes:
        epoch: number of finished epochs.
        to: number of epochs that count as finished from here on; that of the recipe at the end.
        steps: number of steps that are left out.
    """

    epoch: int
    to: int
    steps: int


@dataclass(frozen=True, slots=True)
class Pause:
    """The end of a training that was asked to stop; its state is saved.

    Attributes:
        epoch: number of finished epochs.
        step: number of steps so far, skipped ones included.
    """

    epoch: int
    step: int


def never() -> bool:
    """The default of `Training.stopping`: False, no stop is requested."""
    return False


@dataclass(frozen=True, slots=True)
class Training:
    """The inputs of a training.

    Attributes:
        network: network with its initial weights.
        recipe: recipe to train it with.
        loader: loader of the images of this process.
        accumulation_steps: number of batches whose gradients are accumulated for a step.
        batch: images in a step over all processes; the learning rate is scaled by it.
        ranks: this process and its place among the others.
        folder: folder of the run.
        identity: values that must be the same when the run is resumed.
        evaluate: function that computes the accuracy of a network; None for no evaluation.
        teaching: teacher and feature loss; None to learn from the labels alone.
        stopping: function that returns whether this process was asked to stop; the training then
            saves its state after the current step.
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
        """Optimizer steps in an epoch."""
        return -(-len(self.loader) // self.accumulation_steps)

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts of the loss."""
        single = () if self.network.head.one_to_one is None else (ONE_TO_ONE,)
        return (*PARTS, *single, *(() if self.teaching is None else (FEATURE,)))
