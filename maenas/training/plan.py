"""What is decided about a training before it starts: batch, use of the hardware, images."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
import torch

import maenas
from maenas.detector.data import Dataset, LoaderOptions, TrainLoader
from maenas.detector.data.index.digest import digest_of
from maenas.detector.data.readers.label_notes import label_notes
from maenas.detector.distill import Teaching, teaching
from maenas.detector.errors import TrainError
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.model.spec import DetectorSpec
from maenas.detector.train import (
    BatchSize,
    Ranks,
    Recipe,
    batch_size,
    fewest_images,
    fitting_batch,
    identity,
    recipe_lines,
    require_fewest,
    resolved_compute,
    smallest_batch,
)
from maenas.detector.train.fine_tune import NEW_CLASSES
from maenas.detector.train.precision import name_of, precision_of
from maenas.detector.train.recipe import FEW_IMAGES
from maenas.detector.train.start import has_new_classifier
from maenas.detector.train.state import Identity, Saved
from maenas.runs.few_steps import few_steps_warning
from maenas.terminal.console import count_of
from maenas.training.cores import usual_workers
from maenas.training.datasets import validation_images
from maenas.training.setup import ResolvedTraining

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PlannedTraining:
    """What is decided about a training before its folder is touched.

    Attributes:
        resolved: inputs of the training.
        recipe: recipe with the batch and the use of the hardware that were chosen.
        val: validation images; None without a val split.
        lessons: teacher and feature loss; None without a teacher.
        drawn: number of images in an epoch.
        size: images in a step and in a batch.
        identity: values that must be the same when the training is resumed.
    """

    resolved: ResolvedTraining
    recipe: Recipe
    val: Dataset | None
    lessons: Teaching | None
    drawn: int
    size: BatchSize
    identity: Identity

    @property
    def spec(self) -> DetectorSpec:
        """The detector that is trained."""
        return self.resolved.spec

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return self.recipe.epochs * -(-self.drawn // self.size.step)


def planned(resolved: ResolvedTraining, ranks: Ranks) -> PlannedTraining:
    """Check the inputs of a training, and choose its batch and its use of the hardware.

    Raises:
        MaenasError: if the data set, the teacher or the recipe does not suit the detector, or the
            processes of the training differ in their inputs.
    """
    spec, dataset = resolved.spec, resolved.dataset
    fast = resolved_compute(resolved.recipe.compute, resolved.network, ranks.device)
    recipe = replace(resolved.recipe, compute=fast)
    dataset.require_objects("train")
    val = validation_images(resolved.data, dataset, ranks)
    if val is None and recipe.patience is not None:
        raise TrainError("patience: needs a val split, whose AP it follows; leave it out.")
    resolved.network.to(ranks.device)
    lessons = None
    if resolved.teacher is not None and recipe.distill is not None:
        resolved.teacher.require_fit(spec, dataset.names)
        lessons = teaching(resolved.teacher, spec, recipe.distill)
    taught_by = "" if resolved.teacher is None else resolved.teacher.digest
    mark = identity(spec, dataset, "", taught_by)
    require_agreement(ranks, mark, recipe, val, resolved.saved)
    side = spec.backbone.in_shape[1:]
    fitting = fitting_images(resolved.network, recipe, ranks, lessons, side)
    drawn = recipe.sampling.epoch_length(len(dataset))
    recipe = recipe.suited_to(drawn)
    if resolved.saved is None:
        recipe = with_classifier_lr(recipe, resolved.network)
    smallest = smallest_batch(side, lessons is not None)
    size = batch_size(recipe, drawn, ranks.count, fitting, smallest)
    require_fewest(size, drawn, spec, recipe.sides)
    recipe = replace(recipe, compute=replace(recipe.compute, batch=size.loaded))
    decided = "\n".join([*recipe_lines(recipe), f"on {ranks.count}"])
    return PlannedTraining(
        resolved, recipe, val, lessons, drawn, size, replace(mark, recipe=decided)
    )


def loader_of(plan: PlannedTraining, ranks: Ranks, workers: int | None) -> TrainLoader:
    """The loader of the images of this process, with `workers` processes or one per core."""
    return TrainLoader(
        plan.resolved.dataset,
        loader_options(plan.recipe, plan.spec, plan.size.loaded, ranks),
        usual_workers(ranks.beside) if workers is None else workers,
        pin=ranks.device.type == "cuda",
    )


def require_agreement(
    ranks: Ranks, mark: Identity, recipe: Recipe, val: Dataset | None, saved: Saved | None
) -> None:
    """Raise `TrainError` in every process unless all would train the same.

    Processes that differ would wait for each other without end, or average gradients of different
    trainings: epochs of different lengths, other images, gradients scaled for fp16 and not.

    Args:
        ranks: this process and its place among the others.
        mark: identity of the training.
        recipe: recipe before the batch size is measured.
        val: validation images, which the processes share.
        saved: state to continue from; None for a new run.
    """
    ranks.require_equal(
        {
            "the version of maenas": maenas.__version__,
            "the version of torch": torch.__version__,
            "the version of numpy": np.__version__,
            "the device": ranks.device.type,
            "the first step": "0" if saved is None else str(saved.progress.step),
            **dict(line.split("=", 1) for line in recipe_lines(recipe)),
            "the precision": name_of(precision_of(recipe.compute.amp, ranks.device)),
            "the list of classes": ", ".join(mark.names),
            "the digest of the detector": mark.spec,
            "the digest of the training images": mark.data,
            "the digest of the validation images": "none" if val is None else digest_of(val),
            "the digest of the teacher": mark.teacher,
        }
    )


def fitting_images(
    network: DetectorNetwork,
    recipe: Recipe,
    ranks: Ranks,
    lessons: Teaching | None,
    size: tuple[int, int],
) -> int:
    """The largest batch that every process has the memory for; 1 if the recipe gives one."""
    if recipe.compute.batch is not None:
        return 1
    fitting = fitting_batch(network, size, recipe, ranks.device, lessons)
    return ranks.least(fitting)  # all processes load batches of one size


def loader_options(recipe: Recipe, spec: DetectorSpec, loaded: int, ranks: Ranks) -> LoaderOptions:
    """The options by which training images are sampled."""
    channels, height, width = spec.backbone.in_shape
    return LoaderOptions(
        size=(height, width),
        batch=loaded,
        epochs=recipe.epochs,
        seed=recipe.seed,
        augmentation=replace(recipe.augmentation, resize=spec.resize),
        plain_epochs=recipe.schedule.plain_epochs_of(recipe.epochs),
        sides=recipe.sides,
        rank=ranks.rank,
        world=ranks.count,
        fewest=fewest_images(spec, recipe.sides),
        sampling=recipe.sampling,
        channels=channels,
    )


def announce(plan: PlannedTraining, ranks: Ranks) -> None:
    """Print what was decided, and the warning if there is one."""
    resolved, recipe, size = plan.resolved, plan.recipe, plan.size
    notes = [
        *resolved.notes,
        *data_notes(resolved.dataset, plan.val),
        *recipe.sampling.notes(len(resolved.dataset)),
        batch_note(size.step, size.accumulation_steps, recipe),
        *optimizer_notes(resolved.recipe, recipe, size.step),
        *speed_notes(recipe, ranks),
    ]
    for note in notes:
        LOG.info(note)
    warning = warning_of(plan)
    if warning is not None:
        LOG.warning(warning)


def warning_of(plan: PlannedTraining) -> str | None:
    """The warning about a training that is too short for random weights; None without one."""
    if not plan.resolved.starts_at_random:
        return None
    return few_steps_warning(plan.steps, plan.recipe.epochs)


def data_notes(dataset: Dataset, val: Dataset | None) -> list[str]:
    """Lines that describe the data set and its defects."""
    notes = [
        f"{count_of(len(dataset), 'image')} with {count_of(dataset.objects, 'object')} of "
        f"{count_of(len(dataset.names), 'class')}"
    ]
    for split, each in (("train", dataset), ("val", val)):
        wrong = [problem for problem in each.problems if problem.skips] if each else []
        if wrong:
            notes.append(
                f"{split}: {len(wrong)} of the labels and images cannot be used, such as "
                f"{wrong[0]}; `maenas data check` lists them"
            )
        notes += [f"{split}: {note}" for note in label_notes(each)] if each else []
    if val is None:
        notes.append("no val split: the detector is not evaluated, and `last` is all there is")
    return notes


def batch_note(step: int, accumulation_steps: int, recipe: Recipe) -> str:
    """Line that gives the images of a step, and why they are fewer than the recipe's."""
    note = f"{count_of(step, 'image')} a step" + (
        f", {accumulation_steps} batches" if accumulation_steps > 1 else ""
    )
    if step <= recipe.batch / 2:
        note += f", not {recipe.batch}: the recipe wants {recipe.min_steps:,} steps or more"
    return note


def with_classifier_lr(recipe: Recipe, network: DetectorNetwork) -> Recipe:
    """The recipe of a new training, whose classifier learns faster if all its classes are new.

    A factor that is given stays. SGD keeps one learning rate: it moves a weight in proportion to
    its gradient, and a faster classifier was not measured with it.
    """
    options = recipe.fine_tune
    is_chosen = options.classifier_lr is not None or recipe.optimizer.name != "adamw"
    if is_chosen or not has_new_classifier(network):
        return recipe
    return replace(recipe, fine_tune=replace(options, classifier_lr=NEW_CLASSES))


def optimizer_notes(published: Recipe, recipe: Recipe, step: int) -> list[str]:
    """Lines about values that are not the recipe's: few images, or a classifier that is new."""
    usual, used = published.optimizer, recipe.optimizer
    notes = []
    if used != usual:
        notes.append(
            f"{used.name} with a rate of {used.lr_of(step):g}, not {usual.name} with "
            f"{usual.lr_of(step):g}: fewer than {FEW_IMAGES:,} images in all epochs; "
            f"--set optimizer.name={usual.name} keeps it"
        )
    factor = recipe.fine_tune.classifier_lr
    if factor is not None and factor != published.fine_tune.classifier_lr:
        notes.append(
            f"the classifier, all of whose classes are new, learns at {factor:g} times the rate; "
            "--set fine_tune.classifier_lr=1 gives it the usual one"
        )
    return notes


def speed_notes(recipe: Recipe, ranks: Ranks) -> list[str]:
    """Lines about what makes a training slower than it could be."""
    if ranks.device.type == "cpu" or not recipe.sides:
        return []
    return ["inputs of several sizes: cuDNN does not search for the fastest convolutions of each"]
