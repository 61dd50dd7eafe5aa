"""The result of a training, also of one that had finished before."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from maenas.blocks.files.plain_file import read_bytes
from maenas.detector.checkpoints.checkpoint import load_folder
from maenas.detector.train import recipe_lines
from maenas.detector.train.state import BEST, LAST, STATE_FILE, digest_of_spec, load_state
from maenas.runs.folders import TRAINING_TABLE
from maenas.runs.named_files import named_as_in
from maenas.runs.training_table import LIMIT, best_row
from maenas.terminal.console import count_of
from maenas.training.charts import table
from maenas.training.model_card import CARD_FILE
from maenas.training.setup import (
    ARGS_FILE,
    TrainOptions,
    continued_recipe,
    continued_spec,
    kept_args,
    kept_files,
    kept_recipe,
)

LOG = logging.getLogger(__name__)
SCHEMA = "maenas/train@1"


class TrainData(TypedDict):
    """The result of a training as plain data; see `TrainResult` for the keys."""

    schema: str
    run: str
    data: str
    teacher: str | None
    best: str | None
    last: str
    epochs: int
    best_ap: float | None
    best_ap50: float | None
    best_epoch: int | None
    ap: float | None
    loss: float | None
    skipped_steps: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TrainResult:
    """Result of a finished training.

    Attributes:
        run: folder of the run.
        data: file of the data set.
        teacher: folder of the teacher; None without one.
        best: folder of the detector with the highest AP; None without a validation split.
        last: folder of the detector after the last epoch.
        epochs: number of epochs that were trained.
        best_ap: AP of `best`.
        best_ap50: AP of `best` at IoU 0.50.
        best_epoch: epoch of `best`.
        ap: AP after the last epoch that was evaluated.
        loss: mean loss of the last epoch.
        skipped_steps: steps of the last epoch that were skipped because the loss was not finite.
        seconds: seconds that this process trained.
    """

    run: Path
    data: Path
    teacher: str | None
    best: Path | None
    last: Path
    epochs: int
    best_ap: float | None
    best_ap50: float | None
    best_epoch: int | None
    ap: float | None
    loss: float | None
    skipped_steps: int
    seconds: float

    @property
    def detector(self) -> Path:
        """Folder of the best detector, or of the last one if none was evaluated."""
        return self.best or self.last

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        data: TrainData = {
            "schema": SCHEMA,
            "run": str(self.run),
            "data": str(self.data),
            "teacher": self.teacher,
            "best": None if self.best is None else str(self.best),
            "last": str(self.last),
            "epochs": self.epochs,
            "best_ap": self.best_ap,
            "best_ap50": self.best_ap50,
            "best_epoch": self.best_epoch,
            "ap": self.ap,
            "loss": self.loss,
            "skipped_steps": self.skipped_steps,
            "seconds": self.seconds,
        }
        return dict(data)


def train_result(
    folder: Path,
    rows: Sequence[Mapping[str, float]],
    data: Path,
    teacher: str | None,
    seconds: float,
) -> TrainResult:
    """The result of a run from the rows of its epochs."""
    judged = [row for row in rows if "ap" in row]
    best = best_row(rows)
    return TrainResult(
        run=folder,
        data=data,
        teacher=teacher,
        best=folder / BEST if best else None,
        last=folder / LAST,
        epochs=len(rows),  # less than the number of the last one if some were left out
        best_ap=best["ap"] if best else None,
        best_ap50=best["ap50"] if best else None,
        best_epoch=int(best["epoch"]) if best else None,
        ap=judged[-1]["ap"] if judged else None,
        loss=rows[-1]["loss"] if rows else None,
        skipped_steps=int(rows[-1]["skipped"]) if rows else 0,
        seconds=round(seconds, 1),
    )


def finished_result(options: TrainOptions, folder: Path) -> TrainResult | None:
    """The result of a training that has finished, without reading its data set.

    Args:
        options: options that the user gave; those left out are the run's own.
        folder: folder of the run.
    Returns:
        The result; None if something is left to do, or the options are not those of the run.
    Raises:
        MaenasError: if a file of the run is damaged.
    """
    card, curves = folder / CARD_FILE, folder / TRAINING_TABLE
    if not card.is_file() or not curves.is_file():  # the card is the last file of a training
        return None
    saved = load_state(folder / STATE_FILE)
    args, recipe = kept_args(folder / ARGS_FILE), kept_recipe(folder / ARGS_FILE)
    data, teacher = Path(args["data"]), args.get("teacher")
    options = named_as_in(kept_files(args), options)
    is_same = (
        saved.progress.epoch == recipe.epochs
        and read_bytes(curves, limit=LIMIT) == table(saved.progress.rows).encode()
        and options.init in (None, args.get("init"))
        and options.data in (None, data)
        and options.teacher in (None, teacher)
        and saved.identity.recipe.splitlines()[:-1] == recipe_lines(recipe)
        and continued_recipe(options, recipe, teacher is not None) == recipe
        and digest_of_spec(continued_spec(options, folder)) == saved.identity.spec
    )
    if not is_same:
        return None
    result = train_result(folder, saved.progress.rows, data, teacher, 0.0)
    for detector in filter(None, (result.best, result.last)):
        load_folder(detector)
    LOG.info(f"{folder}: is finished, {count_of(result.epochs, 'epoch')}")
    return result
