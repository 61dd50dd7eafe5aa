"""`maenas train`: train a detector on a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maenas.cli.options import ExistOk, ImageSize, Json, Ray, Resume
from maenas.cli.stop import interrupted
from maenas.cli.training.train_options import (
    Epochs,
    Init,
    Loaders,
    Patience,
    Processes,
    RecipeChanges,
    SkipFinalEvaluation,
    Student,
    Trackers,
    TrainCompute,
    TrainData,
    arguments,
)

if TYPE_CHECKING:
    from maenas.training.result import TrainResult

ADVICE = "the same command with --resume continues from here"


def train(
    context: typer.Context,
    detector: Student = None,
    data: TrainData = None,
    epochs: Epochs = None,
    patience: Patience = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run. (the next runs/train/exp)")
    ] = None,
    resume: Resume = False,
    changes: RecipeChanges = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="A recipe file, visdrone, or a scale: ns nm nl t s m l. (that of the neck)"
        ),
    ] = None,
    input_size: ImageSize = None,
    init: Init = None,
    compute: TrainCompute = "auto",
    workers: Loaders = None,
    ray: Ray = None,
    processes: Processes = 1,
    trackers: Trackers = None,
    skip_final_evaluation: SkipFinalEvaluation = False,
    exist_ok: ExistOk = False,
    as_json: Json = False,
) -> None:
    """Train a detector; under torchrun or with --ray on several GPUs.

    The run folder holds the detectors `last` and `best`, results.csv, .png and .html, the page
    with curves and an evaluation of `best`, TensorBoard events, images of labels and predictions,
    and the state that --resume continues from.
    """
    import maenas

    with interrupted(ADVICE):
        print_training(maenas.train(**arguments(context)), as_json)


def print_training(result: TrainResult | None, as_json: bool) -> None:
    """Print the result of a training; prints nothing in processes other than rank 0."""
    from maenas.terminal.console import OUT, print_json

    if result is None:
        return
    if as_json:
        print_json(result.to_json())
        return
    for name, folder in (("best", result.best), ("last", result.last)):
        if folder is not None:
            OUT.print(f"{name}: {folder}")
    if result.best_ap is not None:
        OUT.print(f"AP {result.best_ap:.4f} at epoch {result.best_epoch}")
        OUT.print(f"next: maenas val {result.run} --data {result.data}")
