"""Run a training from its options to its folder: set up, run the loop, report progress."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

from maenas import __version__
from maenas.detector.data import Dataset, LoaderOptions, TrainLoader
from maenas.detector.distill import Teacher, Teaching, teaching
from maenas.detector.errors import TrainError
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.model.spec import DetectorSpec
from maenas.detector.train import (
    Jump,
    Pause,
    Ranks,
    Recipe,
    RunFolder,
    StepResult,
    Training,
    batch_size,
    fewest_images,
    fitting_batch,
    identity,
    joined_ranks,
    recipe_lines,
    require_fewest,
    resolved_compute,
    smallest_batch,
    train,
)
from maenas.detector.train.state import STATE_FILE, Saved, TrainingProgress
from maenas.runs.few_steps import few_steps_warning
from maenas.runs.folders import last_run
from maenas.runs.signals import Interrupted, caught_signals
from maenas.runs.start import mark_begun, new_run
from maenas.terminal.console import count_of
from maenas.training.agreement import require_agreement
from maenas.training.charts import Charts
from maenas.training.cores import usual_workers
from maenas.training.datasets import validation_images
from maenas.training.evaluator import evaluator
from maenas.training.folder import clear, resumed_run
from maenas.training.images import save_labels, save_predictions
from maenas.training.model_card import read_trained, write_card
from maenas.training.progress import TrainLine
from maenas.training.result import TrainResult, finished_result, train_result
from maenas.training.setup import ResolvedTraining, TrainOptions, begun, continued, write_args
from maenas.training.trackers.load import load_trackers
from maenas.training.trackers.tracker import TrackedRun, Tracker, Trackers

LOG = logging.getLogger(__name__)


def run_training(
    options: TrainOptions,
    out: Path | None,
    resume: bool,
    exist_ok: bool,
    compute: str,
    workers: int | None,
    trackers: Sequence[str | Tracker] | None = None,
) -> TrainResult | None:
    """Train a detector and write a run folder.

    Args:
        options: options that the user gave.
        out: folder of the run; None for the next free one, or the last one with `resume`.
        resume: continue the run in the folder, or start it if none has started there.
        exist_ok: start a run in a folder that is not empty.
        compute: device that torch computes on.
        workers: number of processes that load images; one per core if None.
        trackers: trackers of the training, see `load_trackers`.
    Returns:
        The result, at once if the run to continue has finished; None in a process of rank > 0.
    Raises:
        MaenasError: if something about the detector, data, recipe or folder is wrong.
        Interrupted: if a signal asks it to end; the state of the training is saved.
    """
    if resume and exist_ok:
        raise TrainError("--resume continues the run, --exist-ok begins another; give one.")
    with ExitStack() as opened:
        following = load_trackers(trackers)
        signals = opened.enter_context(caught_signals())
        ranks = opened.enter_context(joined_ranks(compute))
        if resume:
            out = out or last_run(options.command)
            if ranks.leads:
                opened.enter_context(resumed_run(out, options.command))
        goes_on = resume and out is not None and (out / STATE_FILE).exists()
        if resume and not goes_on and options.detector is None:
            raise TrainError(
                f"{out}: there is no training to continue; give a detector and --data to start one."
            )
        finished = finished_result(options, out) if goes_on and out else None
        if finished is not None:
            return finished if ranks.leads else None
        resolved = continued(options, out, ranks) if goes_on and out else begun(options, ranks)
        spec = resolved.spec
        fast = resolved_compute(resolved.recipe.compute, resolved.network, ranks.device)
        recipe = replace(resolved.recipe, compute=fast)
        dataset = resolved.dataset
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
        smallest = smallest_batch(side, lessons is not None)
        drawn = recipe.sampling.epoch_length(len(dataset))
        size = batch_size(recipe, drawn, ranks.count, fitting, smallest)
        require_fewest(size, drawn, spec, recipe.sides)
        recipe = replace(recipe, compute=replace(recipe.compute, batch=size.loaded))
        decided = "\n".join([*recipe_lines(recipe), f"on {ranks.count}"])
        mark = replace(mark, recipe=decided)
        if resolved.saved is not None and out is not None:
            mark.require(resolved.saved.identity, RunFolder(out, spec).state_file)
        loader = TrainLoader(
            dataset,
            loader_options(recipe, spec, size.loaded, ranks),
            usual_workers(ranks.beside) if workers is None else workers,
            pin=ranks.device.type == "cuda",
        )
        path = out or Path()
        if ranks.leads and not resume:
            path = opened.enter_context(new_run(out, options.command, exist_ok, can_resume=True))
        folder = RunFolder(path, spec, (receipt(resolved.teacher),), resolved.starts_trained)
        if ranks.leads:
            notes = [
                *resolved.notes,
                *data_notes(dataset, val),
                *recipe.sampling.notes(len(dataset)),
                batch_note(size.step, size.accumulation_steps, recipe),
                *speed_notes(recipe, ranks),
            ]
            steps = recipe.epochs * max(1, drawn // size.step)
            announce(notes, few_steps_warning(steps, recipe.epochs), resolved)
            if not goes_on:
                clear(path)
            write_args(path, recipe, resolved, options, size.step)
        training = Training(
            network=resolved.network,
            recipe=recipe,
            loader=loader,
            accumulation_steps=size.accumulation_steps,
            batch=size.step,
            ranks=ranks,
            folder=folder,
            identity=mark,
            evaluate=None if val is None else evaluator(spec, val, ranks, signals, recipe.compute),
            teaching=lessons,
            stopping=signals.requested,
        )
        with signals.held():
            result = follow(training, resolved.saved, val, resolved.data, following)
        if isinstance(result, Pause):
            raise Interrupted(signals.number or signal.SIGTERM)
        if result is not None:
            write_card(read_trained(path), dataset, ())
        return result


def announce(notes: Sequence[str], few_steps: str | None, resolved: ResolvedTraining) -> None:
    """Print what was decided, and a warning if random weights will not learn much."""
    for note in notes:
        LOG.info(note)
    if resolved.starts_at_random and few_steps is not None:
        LOG.warning(few_steps)


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


def follow(
    training: Training,
    saved: Saved | None,
    val: Dataset | None,
    data: Path,
    trackers: Sequence[Tracker],
) -> TrainResult | Pause | None:
    """Run the loop and report progress; returns the result, or where it was stopped."""
    ranks, folder, recipe = training.ranks, training.folder, training.recipe
    events = train(training, saved)
    if not ranks.leads:
        return next((event for event in events if isinstance(event, Pause)), None)
    started = time.monotonic()
    progress = TrainingProgress() if saved is None else saved.progress
    rows, first = list(progress.rows), progress.step
    total = recipe.epochs * training.steps_per_epoch
    if saved is None:
        save_labels(training, folder.path)
    tracked = TrackedRun(folder.path, settings_of(recipe, training, data), first)
    with (
        Charts(folder.path, rows) as charts,
        Trackers(trackers, tracked) as following,
        TrainLine(first, total, recipe.epochs, ranks.device, rows) as line,
    ):
        for event in events:
            mark_begun(folder.path)
            if isinstance(event, Pause):
                following.is_stopped = True
                return event
            if isinstance(event, StepResult):
                line.step(event)
                following.step(event)
                continue
            if isinstance(event, Jump):
                line.jump(event)
                continue
            rows.append(event.row)
            line.epoch(event)
            charts.epoch(event)
            following.epoch(event)
            if event.is_best and val is not None:
                save_predictions(folder, val)
    for message in training.loader.damaged:
        LOG.info(f"skipped: {message}")
    teacher = None if training.teaching is None else training.teaching.teacher.where
    return train_result(folder.path, rows, data, teacher, time.monotonic() - started)


def settings_of(
    recipe: Recipe, training: Training, data: Path
) -> dict[str, str | int | float | bool]:
    """The settings of a training by name, for trackers: numbers and texts, no nested data."""
    settings: dict[str, str | int | float | bool] = {
        "data": str(data),
        "classes": len(training.folder.spec.names),
        "images_a_step": training.batch,
    }
    pending: list[tuple[str, object]] = list(asdict(recipe).items())
    while pending:
        name, value = pending.pop(0)
        if isinstance(value, dict):
            pending += [(f"{name}.{key}", each) for key, each in value.items()]
        elif isinstance(value, str | int | float | bool):
            settings[name] = value
        elif value is not None:
            settings[name] = str(value)
    return settings


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


def receipt(teacher: Teacher | None) -> str:
    """Line that says how a detector of the run was made."""
    if teacher is None:
        return f"maenas train, maenas {__version__}"
    return f"maenas distill, teacher {teacher.where}, maenas {__version__}"


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
                f"{split}: {len(wrong)} labels or images are skipped, such as {wrong[0]}; "
                "`maenas data check` lists them"
            )
    if val is None:
        notes.append("no val split: the detector is not evaluated, and `last` is all there is")
    return notes


def batch_note(step: int, accumulation_steps: int, recipe: Recipe) -> str:
    """Line that gives the images of a step, and why they are fewer than the recipe's."""
    note = f"{step} images a step" + (
        f", {accumulation_steps} batches" if accumulation_steps > 1 else ""
    )
    if step <= recipe.batch / 2:
        note += (
            f", not {recipe.batch}, for enough steps: the recipe's min_steps is {recipe.min_steps}"
        )
    return note


def speed_notes(recipe: Recipe, ranks: Ranks) -> list[str]:
    """Lines about what makes a training slower than it could be."""
    if ranks.device.type == "cpu" or not recipe.sides:
        return []
    return ["inputs of several sizes: cuDNN does not search for the fastest convolutions of each"]
