"""One short training as a task of a worker: its result is a record that a later call reads."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from maenas import __version__
from maenas.blocks.files.atomic_write import write_bytes, write_text
from maenas.blocks.files.json_file import read_json
from maenas.blocks.files.plain_file import MIB, read_bytes
from maenas.blocks.files.strict import parse
from maenas.detector.checkpoints.checkpoint import save_folder
from maenas.detector.model.spec import DetectorSpec
from maenas.runs.training_table import training_rows
from maenas.terminal.console import count_of

LOG = logging.getLogger(__name__)
LARGEST = 4 * MIB
LARGEST_FILE = 4096 * MIB  # of a training: its state holds weights and moments
STATE_FILE = "resume.pt"  # of a training that has begun
# Networks are compared after the last epoch; evaluations of every epoch would take a good part of
# the time of short trainings.
FEW_EVALUATIONS = "evaluations=4"
RECORDS, RUNNING = "trainings", "running"  # folders of a run
TRAINING = "training"  # folder of a training in that of its task


@dataclass(frozen=True, slots=True)
class TrainingTask:
    """One training of one network.

    Attributes:
        network: name of the network.
        spec: detector to train.
        data: file of the data set.
        epochs: number of epochs.
        seed: random seed of the training.
        recipe: recipe file or scale; None for that of the neck.
        changes: changed values of the recipe.
        folder: folder of the run, which keeps an unfinished training and its record; None before
            the task is placed, and where the worker shares no disk with this process.
        keeps: whether the trained detector stays when the training is finished.
        compute: device that torch computes on.
        loaders: number of processes that load images.
        until: time after which no training begins, in seconds since 1970; None for no limit.
    """

    network: str
    spec: DetectorSpec
    data: Path
    epochs: int
    seed: int
    recipe: str | None
    changes: tuple[str, ...]
    folder: Path | None
    keeps: bool = False
    compute: str = "cpu"
    loaders: int | None = None
    until: float | None = None

    @property
    def name(self) -> str:
        """Name of the training: network, epochs and seed."""
        return f"{self.network}-e{self.epochs}-s{self.seed}"


@dataclass(frozen=True, slots=True)
class Trained:
    """The result of a training.

    Attributes:
        network: name of the network.
        epochs: number of epochs.
        seed: random seed of the training.
        ap: AP on the validation images after the last epoch.
        ap50: AP at IoU 0.50 after the last epoch.
        minutes: minutes of the training steps.
        version: version of maenas.
        curve: epoch, AP and AP50 of each evaluation.
    """

    network: str
    epochs: int
    seed: int
    ap: float
    ap50: float
    minutes: float
    version: str
    curve: tuple[tuple[float, float, float], ...] = ()

    @property
    def name(self) -> str:
        """Name of the training, as of its task."""
        return f"{self.network}-e{self.epochs}-s{self.seed}"


def require_recipe(
    specs: Iterable[DetectorSpec], recipe: str | None, changes: tuple[str, ...]
) -> None:
    """Raise `MaenasError` unless each detector can be trained with a recipe and its changes.

    Asked before a run writes its options, which stand as they were written.
    """
    from maenas.training.setup import TrainOptions, chosen_recipe

    for spec in specs:
        chosen_recipe(TrainOptions(changes=changes, recipe=recipe), spec)


def train_one(task: TrainingTask) -> Trained | None:
    """Train a network, or continue its training; None if the time for new ones is over.

    Raises:
        MaenasError: if something about the detector, data or recipe is wrong.
    """
    if task.until is not None and time.time() > task.until:
        return None
    from maenas.training.run import run_training
    from maenas.training.setup import TrainOptions

    assert task.folder is not None
    LOG.info(f"training {task.name}: {count_of(task.epochs, 'epoch')}, random seed {task.seed}")
    folder = task.folder / RUNNING / task.name
    source, out = folder / "detector", folder / TRAINING
    if (out / STATE_FILE).exists():
        run_training(TrainOptions(), out, True, False, task.compute, task.loaders, ())
    else:
        save_folder(source, task.spec, None, (f"maenas {__version__}",))
        # Those of a training that stays choose its best detector.
        few = () if task.keeps else (FEW_EVALUATIONS,)
        options = TrainOptions(
            detector=str(source),
            data=task.data,
            epochs=task.epochs,
            changes=(*few, *task.changes, f"seed={task.seed}"),
            recipe=task.recipe,
        )
        run_training(options, out, False, True, task.compute, task.loaders, ())
    trained = trained_of(task, training_rows(out))
    save_trained(task.folder / RECORDS, trained)
    if not task.keeps:
        shutil.rmtree(folder, ignore_errors=True)
    return trained


def train_away(task: TrainingTask) -> tuple[Trained | None, Mapping[str, bytes]]:
    """Train a network where the worker shares no disk with the driver.

    Returns:
        The result of `train_one`, and the content of the files of a training that stays, by their
        paths in its folder.
    """
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / RECORDS).mkdir()
        trained = train_one(replace(task, folder=folder))
        out = folder / RUNNING / task.name / TRAINING
        files = sorted(path for path in out.rglob("*") if path.is_file()) if task.keeps else []
        return trained, {
            path.relative_to(out).as_posix(): read_bytes(path, limit=LARGEST_FILE) for path in files
        }


def save_training(files: Mapping[str, bytes], task: TrainingTask, folder: Path) -> None:
    """Write the files of a training that stays into the folder of the run, all or none."""
    out = folder / RUNNING / task.name / TRAINING
    part = out.with_name(f"{TRAINING}.part")
    shutil.rmtree(part, ignore_errors=True)
    for name, content in files.items():
        (part / name).parent.mkdir(parents=True, exist_ok=True)
        write_bytes(part / name, content)
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)


def trained_of(task: TrainingTask, rows: Sequence[Mapping[str, float]]) -> Trained:
    """The result of a training from the rows of its table."""
    evaluated = [row for row in rows if "ap" in row]
    return Trained(
        network=task.network,
        epochs=task.epochs,
        seed=task.seed,
        ap=evaluated[-1]["ap"],
        ap50=evaluated[-1]["ap50"],
        minutes=round(sum(row["train_s"] for row in rows) / 60, 3),
        version=__version__,
        curve=tuple((row["epoch"], row["ap"], row["ap50"]) for row in evaluated),
    )


def save_trained(folder: Path, trained: Trained) -> None:
    """Write the record of a training into a folder."""
    text = json.dumps(asdict(trained), indent=2) + "\n"
    write_text(folder / f"{trained.name}.json", text)


def load_trained(folder: Path, name: str) -> Trained | None:
    """The record of a training; None if it is not finished.

    Raises:
        SpecError: if the record is damaged.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        return None
    hint = "delete it, and the network is trained again"
    return parse(Trained, read_json(path, limit=LARGEST, hint=hint), str(path))
