"""Run a training from its options to its folder: set up, run the loop, report progress."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from maenas import __version__
from maenas.detector.data import Dataset, TrainLoader
from maenas.detector.distill import Teacher
from maenas.detector.errors import TrainError
from maenas.detector.train import (
    Jump,
    Pause,
    Ranks,
    Recipe,
    RunFolder,
    StepResult,
    Training,
    joined_ranks,
    train,
)
from maenas.detector.train.state import STATE_FILE, Saved, TrainingProgress
from maenas.runs.folders import last_run
from maenas.runs.signals import Interrupted, Signals, caught_signals
from maenas.runs.start import mark_begun, new_run
from maenas.training.charts import Charts
from maenas.training.evaluator import evaluator, write_final_evaluation
from maenas.training.folder import clear, resumed_run
from maenas.training.images import save_labels, save_predictions
from maenas.training.model_card import read_trained, write_card
from maenas.training.plan import PlannedTraining, announce, loader_of, planned
from maenas.training.progress import TrainLine
from maenas.training.result import TrainResult, finished_result, train_result
from maenas.training.setup import TrainOptions, begun, continued, write_args
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
    ends_with_evaluation: bool = False,
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
        ends_with_evaluation: whether the run ends with an evaluation of the best detector, which
            its page holds; without a validation split there is none.
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
        plan = planned(resolved, ranks)
        if resolved.saved is not None and out is not None:
            plan.identity.require(resolved.saved.identity, RunFolder(out, plan.spec).state_file)
        loader = loader_of(plan, ranks, workers)
        path = out or Path()
        if ranks.leads and not resume:
            path = opened.enter_context(new_run(out, options.command, exist_ok, can_resume=True))
        if ranks.leads:
            announce(plan, ranks)
            if not goes_on:
                clear(path)
            write_args(path, plan.recipe, resolved, options, plan.size.step)
        training = training_of(plan, ranks, loader, path, signals)
        with signals.held():
            result = follow(training, resolved.saved, plan.val, resolved.data, following)
        if isinstance(result, Pause):
            raise Interrupted(signals.number or signal.SIGTERM)
        if result is not None:
            if ends_with_evaluation and plan.val is not None and result.best is not None:
                write_final_evaluation(path, plan.val, ranks, plan.recipe.compute)
            # The last file of a training: with it, the run is finished.
            write_card(read_trained(path), resolved.dataset, ())
        return result


def training_of(
    plan: PlannedTraining,
    ranks: Ranks,
    loader: TrainLoader,
    path: Path,
    signals: Signals,
) -> Training:
    """The inputs of the loop, for a run in the folder `path`."""
    resolved, recipe, spec = plan.resolved, plan.recipe, plan.spec
    evaluate = None
    if plan.val is not None:
        evaluate = evaluator(spec, plan.val, ranks, signals, recipe.compute)
    return Training(
        network=resolved.network,
        recipe=recipe,
        loader=loader,
        accumulation_steps=plan.size.accumulation_steps,
        batch=plan.size.step,
        ranks=ranks,
        folder=RunFolder(path, spec, (receipt(resolved.teacher),), resolved.starts_trained),
        identity=plan.identity,
        evaluate=evaluate,
        teaching=plan.lessons,
        stopping=signals.requested,
    )


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
    plain_epochs = recipe.schedule.plain_epochs_of(recipe.epochs)
    if saved is None:
        save_labels(training, folder.path)
    tracked = TrackedRun(folder.path, settings_of(recipe, training, data), first)
    with (
        Charts(folder.path, rows, recipe.epochs, plain_epochs) as charts,
        Trackers(trackers, tracked) as following,
        TrainLine(first, total, recipe.epochs, plain_epochs, ranks.device, rows) as line,
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


def receipt(teacher: Teacher | None) -> str:
    """Line that says how a detector of the run was made."""
    if teacher is None:
        return f"maenas train, maenas {__version__}"
    return f"maenas distill, teacher {teacher.where}, maenas {__version__}"
