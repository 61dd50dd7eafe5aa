"""The training of a detector: one loop, read from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from math import isfinite
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from maenas.detector.assign import Targets
from maenas.detector.data import Batch, TrainLoader
from maenas.detector.distill import Teaching
from maenas.detector.errors import TrainError
from maenas.detector.losses import detection_loss
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.train.cpu_memory import keep_freed_memory
from maenas.detector.train.ema import Ema
from maenas.detector.train.learner import Learner
from maenas.detector.train.optimizer import set_lr
from maenas.detector.train.precision import precision_of
from maenas.detector.train.ranks import Ranks
from maenas.detector.train.recipe import Recipe
from maenas.detector.train.state import (
    BEST,
    LAST,
    Identity,
    Row,
    RunFolder,
    Saved,
    TrainingProgress,
    TrainingState,
)
from maenas.detector.train.statistics import Statistics

PARTS = ("quality_focal", "giou", "distribution_focal")
FEATURE = "feature"  # one more part of the loss in a distillation
DOUBTFUL_IN_A_ROW = 2  # at the end of an epoch: its weights may be lost, and are not kept
MOST_IN_A_ROW = 10  # steps without a finite loss before a training is given up


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

    @property
    def steps_per_epoch(self) -> int:
        """Of the optimizer."""
        return -(-len(self.loader) // self.accumulation_steps)

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the loss' parts."""
        return PARTS if self.teaching is None else (*PARTS, FEATURE)


def train(training: Training, saved: Saved | None = None) -> Iterator[StepResult | EpochResult]:
    """Train, telling about every step and every epoch.

    Args:
        training: what to do.
        saved: where to continue; on a CPU the weights come out bit by bit as without the break.
    Raises:
        TrainError: if the loss is not finite in ten steps in a row.
        SpecError: if a checkpoint cannot be written; the one before is kept.
    """
    recipe, ranks, folder = training.recipe, training.ranks, training.folder
    if ranks.device.type == "cpu":
        keep_freed_memory()
    layout = torch.channels_last if recipe.compute.channels_last else torch.contiguous_format
    network = training.network.to(ranks.device, memory_format=layout)  # type: ignore[call-overload]
    if ranks.count > 1 and ranks.device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    average = folder.spec.build().to(ranks.device, memory_format=layout)  # type: ignore[call-overload]
    teaching, taught = training.teaching, 0
    if teaching is not None:
        taught = recipe.taught_epochs
        teaching.loss.to(ranks.device)
        teaching.teacher.to(ranks.device, layout)
    is_fp16 = precision_of(recipe.compute.amp, ranks.device) is torch.float16
    state = TrainingState(
        network=network,
        feature_loss=None if teaching is None else teaching.loss,
        ema=Ema(network, recipe.ema),
        optimizer=recipe.optimizer.build(Learner(network, teaching)),
        scaler=torch.amp.GradScaler(ranks.device.type, enabled=is_fp16),
        progress=TrainingProgress(),
    )
    if saved is not None:
        state.restore(saved)
    elif ranks.leads:  # so that a run can be continued from its first moment on
        save_checkpoint(training, state)
    learner: nn.Module | None = None
    statistics, progress = Statistics(network), state.progress

    while progress.epoch < recipe.epochs:
        if teaching is not None and progress.epoch >= taught:
            teaching = learner = None  # the second stage: the student alone
        if learner is None:
            learner = ranks.spread(Learner(network, teaching), recipe.compute.compile)
        row = yield from one_epoch(training, state, learner, statistics, teaching)
        progress.epoch += 1
        row["epoch"] = float(progress.epoch)
        progress.rows.append(row)
        is_best = False
        if ranks.leads and progress.in_a_row < DOUBTFUL_IN_A_ROW:
            if training.evaluate is not None and recipe.evaluates(progress.epoch):
                average.load_state_dict(state.ema.weights)
                accuracy = training.evaluate(average.eval())
                row |= {"ap": accuracy.ap, "ap50": accuracy.ap50}
                is_best = progress.best is None or accuracy.ap > progress.best
            if is_best:
                progress.best = row["ap"]
                folder.save(BEST, state.ema.weights, f"epoch {progress.epoch}, AP {row['ap']:.4f}")
            save_checkpoint(training, state)
        ranks.wait()
        yield EpochResult(progress.epoch, row, is_best)
    if progress.in_a_row >= DOUBTFUL_IN_A_ROW:
        raise given_up(training, progress, [])


def one_epoch(
    training: Training,
    state: TrainingState,
    learner: nn.Module,
    statistics: Statistics,
    teaching: Teaching | None,
) -> Generator[StepResult, None, Row]:
    """The steps of an epoch, with a teacher or without; returns what is noted of it."""
    recipe, ranks, progress = training.recipe, training.ranks, state.progress
    schedule = recipe.schedule.over(
        recipe.epochs, training.steps_per_epoch, recipe.optimizer.lr_of(training.batch)
    )
    parameters = list(state.network.parameters())
    clip_norm = recipe.optimizer.clip_norm if teaching is None else recipe.taught_clip_norm
    sums, seen, lr = torch.zeros(len(training.parts)), 0, 0.0
    begun = started = time.perf_counter()
    state.network.train()
    for batches in in_groups(training.loader.epoch(progress.epoch), training.accumulation_steps):
        fetched = time.perf_counter()
        lr = schedule.at(progress.step)
        set_lr(state.optimizer, lr)
        parts = add_gradients(training, state, learner, statistics, teaching, batches)
        state.scaler.unscale_(state.optimizer)
        norm = get_total_norm([each.grad for each in parameters if each.grad is not None])
        *losses, length = torch.cat((ranks.mean(parts), norm[None])).tolist()  # waits for a GPU
        is_finite = isfinite(sum(losses))
        if is_finite and (isfinite(length) or state.scaler.is_enabled()):
            if clip_norm is not None:
                clip_grads_with_norm_(parameters, clip_norm, norm)
            state.scaler.step(state.optimizer)  # not if the gradient is too large for fp16 alone
            if isfinite(length):
                state.ema.update(state.network, progress.step)
            progress.in_a_row = 0
        else:
            state.ema.mend(state.network)
            progress.skipped += 1
            progress.in_a_row += 1
        state.scaler.update()
        state.optimizer.zero_grad(set_to_none=True)
        progress.step += 1
        images = sum(map(len, batches))
        if progress.in_a_row == 0:
            sums, seen = sums + images * torch.tensor(losses), seen + images
        elif progress.in_a_row >= MOST_IN_A_ROW:
            raise given_up(training, progress, batches)
        yield StepResult(
            epoch=progress.epoch,
            number=progress.step - 1,
            lr=lr,
            parts=dict(zip(training.parts, losses, strict=True)),
            norm=length,
            images=images * ranks.count,
            taken=progress.in_a_row == 0,
            seconds=time.perf_counter() - started,
            waited=fetched - started,
        )
        started = time.perf_counter()
    means = (sums / max(1, seen)).tolist()
    row = {"step": float(progress.step), "lr": lr, **dict(zip(training.parts, means, strict=True))}
    seconds = time.perf_counter() - begun
    return row | {"loss": sum(means), "skipped": float(progress.skipped), "train_s": seconds}


def add_gradients(
    training: Training,
    state: TrainingState,
    learner: nn.Module,
    statistics: Statistics,
    teaching: Teaching | None,
    batches: Sequence[Batch],
) -> Tensor:
    """Forward and backward through the batches of a step.

    Returns:
        (P,), the parts of the loss in this process; a batch counts by its images.
    """
    recipe, ranks = training.recipe, training.ranks
    precision = precision_of(recipe.compute.amp, ranks.device)
    images = sum(map(len, batches))
    total = torch.zeros(len(training.parts), device=ranks.device)
    weight, teacher_maps = 0.0, list[Tensor]()
    if teaching is not None:
        taught_steps = recipe.taught_epochs * training.steps_per_epoch
        weight = teaching.options.weight_at(state.progress.step, taught_steps)
        precision_there = precision_of(teaching.options.amp, ranks.device)
    for number, batch in enumerate(batches, 1):
        ready = batch.to(ranks.device, recipe.compute.channels_last)
        if teaching is not None:
            teacher_maps = teaching.teacher_maps(ready.images, precision_there)
        statistics.before_forward()
        with exchange(learner, number == len(batches)):
            with torch.autocast(ranks.device.type, precision, enabled=precision is not None):
                levels, feature = learner(ready.images, teacher_maps)
            losses = detection_loss(
                levels,
                targets_of(ready),
                recipe.assigner,
                strides=training.network.strides,
                weights=recipe.loss,
                reduce=ranks.mean,
            )
            if training.teaching is not None:
                losses[FEATURE] = total.new_zeros(()) if feature is None else weight * feature
            parts = len(batch) / images * torch.stack([losses[name] for name in training.parts])
            state.scaler.scale(parts.sum()).backward()  # type: ignore[no-untyped-call]
        total += parts.detach()
    return total


def save_checkpoint(training: Training, state: TrainingState) -> None:
    """Write the last detector, and then all that is needed to continue."""
    state.progress.kept = state.progress.epoch
    training.folder.save(LAST, state.ema.weights, f"epoch {state.progress.epoch}")
    training.folder.save_state(state.saved(training.identity))


def in_groups(batches: Iterable[Batch], count: int) -> Iterator[list[Batch]]:
    """Batches in groups of so many, fewer in the last."""
    group: list[Batch] = []
    for batch in batches:
        group.append(batch)
        if len(group) == count:
            yield group
            group = []
    if group:
        yield group


def targets_of(batch: Batch) -> Targets:
    """The objects of a batch as assignment takes them: regions to ignore are places as well."""
    return Targets(batch.boxes, batch.labels, batch.valid | batch.ignored, batch.ignored)


def exchange(learner: nn.Module, is_last: bool) -> AbstractContextManager[None]:
    """Processes exchange gradients once a step, with the last batch of it."""
    if isinstance(learner, DistributedDataParallel) and not is_last:
        return learner.no_sync()
    return nullcontext()


def given_up(training: Training, progress: TrainingProgress, batches: list[Batch]) -> TrainError:
    """What to tell when the loss stays not finite, in these batches at last."""
    ids = [str(name) for batch in batches for name in batch.image_ids]
    more = f" and {len(ids) - 16} more" if len(ids) > 16 else ""
    where = f", the last on the images {', '.join(ids[:16])}{more}" if ids else ""
    return TrainError(
        f"step {progress.step}: the loss or its gradient was not finite in {progress.in_a_row} "
        f"steps in a row{where}; the detector of epoch {progress.kept} is in "
        f"{training.folder.path / LAST}; a lower optimizer.lr or optimizer.clip_norm=10 may help."
    )
