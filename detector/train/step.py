"""One step of a training: its batches, forward passes and gradients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import get_total_norm

from maenas.detector.assign import Targets
from maenas.detector.data import Batch
from maenas.detector.distill import Teaching
from maenas.detector.losses import detection_loss
from maenas.detector.train.learner import Learner
from maenas.detector.train.precision import precision_of
from maenas.detector.train.state import (
    TrainingState,
)
from maenas.detector.train.statistics import Statistics
from maenas.detector.train.training import FEATURE, Training


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
        (P,), parts of the loss in this process; batches are weighted by their number of images.
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
        # A momentum that changes would compile the network again in every step.
        if recipe.compute.compile and statistics.is_settled:
            inner(learner).compile_once()
        with exchange(learner, number == len(batches)):
            with torch.autocast(ranks.device.type, precision, enabled=precision is not None):
                levels, single, feature = learner(ready.images, teacher_maps)
            losses = detection_loss(
                levels,
                targets_of(ready),
                recipe.assigner,
                one_to_one=single,
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


def gradient_norms(state: TrainingState) -> tuple[Tensor, Tensor]:
    """Norms of the gradients of the network and of the feature loss, 0-D; 0 without a teacher."""
    norm = norm_of(state.network)
    if state.feature_loss is None:
        return norm, torch.zeros_like(norm)
    return norm, norm_of(state.feature_loss).to(norm)


def norm_of(module: nn.Module) -> Tensor:
    """The norm of the gradients of a module's parameters, 0-D."""
    return get_total_norm([each.grad for each in module.parameters() if each.grad is not None])


def in_groups(batches: Iterable[Batch], count: int) -> Iterator[list[Batch]]:
    """Batches in groups of `count`; the last group may have fewer."""
    group: list[Batch] = []
    for batch in batches:
        group.append(batch)
        if len(group) == count:
            yield group
            group = []
    if group:
        yield group


def targets_of(batch: Batch) -> Targets:
    """The targets of a batch, including its regions to ignore."""
    valid = batch.valid | batch.ignored
    return Targets(batch.boxes, batch.labels, valid, batch.ignored, batch.annotated)


def inner(learner: nn.Module) -> Learner:
    """The learner itself, without the wrapper of DDP."""
    module = learner.module if isinstance(learner, DistributedDataParallel) else learner
    assert isinstance(module, Learner)
    return module


def exchange(learner: nn.Module, is_last: bool) -> AbstractContextManager[None]:
    """A context in which DDP synchronises gradients for the last batch of a step only."""
    if isinstance(learner, DistributedDataParallel) and not is_last:
        return learner.no_sync()
    return nullcontext()
