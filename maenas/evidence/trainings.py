"""Trains many networks, one task each, and keeps a record of every finished training."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from maenas.blocks import SpecError
from maenas.blocks.files.atomic_write import write_text
from maenas.evidence.training import (
    RECORDS,
    RUNNING,
    Trained,
    TrainingTask,
    load_trained,
    save_trained,
    save_training,
    train_away,
    train_one,
)
from maenas.nas.executors import InProcess, opened_executor
from maenas.runs.named_files import absolute_options
from maenas.terminal.progress import clock

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingEffort:
    """Where and how long networks are trained; it does not change the result of a training.

    Attributes:
        workers: number of trainings at the same time.
        ray: address of a Ray cluster; None for this machine.
        compute: device that torch computes on.
        minutes: minutes after which no further training begins; None for no limit.
    """

    workers: int = 1
    ray: str | None = None
    compute: str = "auto"
    minutes: float | None = None

    def __post_init__(self) -> None:
        if self.minutes is not None and not self.minutes > 0:
            raise SpecError(f"minutes: must be a positive number, got {self.minutes:g}.")


def train_all(
    tasks: Sequence[TrainingTask], folder: Path, effort: TrainingEffort, title: str
) -> list[Trained]:
    """Train all networks that have no record yet; returns the results so far in order of the tasks.

    Args:
        tasks: trainings, the most useful first.
        folder: folder of the run, which keeps the records and unfinished trainings.
        effort: where and how long to train.
        title: name of the command, for the progress lines.
    Raises:
        MaenasError: if a training cannot run.
    """
    records = folder / RECORDS
    for path in (records, folder / RUNNING):
        path.mkdir(parents=True, exist_ok=True)
    found = {task.name: load_trained(records, task.name) for task in tasks}
    waiting = [placed(task, folder, effort) for task in tasks if found[task.name] is None]
    started, done = time.monotonic(), len(tasks) - len(waiting)
    if done:
        LOG.info(f"{title}: {done} of {len(tasks)} trainings are finished already")
    with opened_executor(effort.workers, effort.ray) if waiting else InProcess() as executor:
        # As they finish: a worker of a cluster leaves no record, so a later kill would lose them.
        finished = executor.as_completed(train_placed, waiting)
        for number, (index, (trained, files)) in enumerate(finished, 1):
            if trained is None:
                continue
            if files:
                save_training(files, waiting[index], folder)
            found[trained.name] = trained
            save_trained(records, trained)
            left = (time.monotonic() - started) / number * (len(waiting) - number)
            LOG.info(
                f"{title}: {done + number}/{len(tasks)} trainings, {trained.name}: AP "
                f"{trained.ap:.4f}, AP50 {trained.ap50:.4f}, {clock(left)} left"
            )
    return [trained for trained in found.values() if trained is not None]


def all_trained(folder: Path) -> list[Trained]:
    """The results of all trainings of a run that are finished, by name.

    Args:
        folder: folder of the run.
    """
    records = folder / RECORDS
    paths = sorted(records.glob("*.json"))
    return [each for path in paths if (each := load_trained(records, path.stem)) is not None]


def train_placed(task: TrainingTask) -> tuple[Trained | None, Mapping[str, bytes]]:
    """The result of a task, and the files of a training that stays but is not in the folder."""
    return train_away(task) if task.folder is None else (train_one(task), {})


def placed(task: TrainingTask, folder: Path, effort: TrainingEffort) -> TrainingTask:
    """A task with its folder, device and end."""
    until = None if effort.minutes is None else time.time() + 60 * effort.minutes
    return replace(
        absolute_options(task),  # the working folder of a cluster's worker differs
        folder=None if effort.ray is not None else folder,
        compute=effort.compute,
        loaders=0 if effort.workers > 1 or effort.ray is not None else None,
        until=until,
    )


def write_trainings(path: Path, trained: Sequence[Trained]) -> None:
    """Write one row per training as CSV."""
    lines = ["network,epochs,seed,ap,ap50,minutes,version"]
    lines += [
        f"{t.network},{t.epochs},{t.seed},{t.ap:.6f},{t.ap50:.6f},{t.minutes:.3f},{t.version}"
        for t in trained
    ]
    write_text(path, "\n".join(lines) + "\n")
