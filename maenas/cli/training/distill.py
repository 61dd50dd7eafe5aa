"""`maenas distill`: train a detector on a data set and on the feature maps of a teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maenas.cli.options import ExistOk, ImageSize, Json, Ray, Resume
from maenas.cli.stop import interrupted
from maenas.cli.training.train import ADVICE, print_training
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


def distill(
    context: typer.Context,
    student: Student = None,
    teacher: Annotated[
        str | None,
        typer.Option(help="A run of `maenas train`, or any detector folder with weights."),
    ] = None,
    data: TrainData = None,
    epochs: Epochs = None,
    patience: Patience = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run. (the next runs/distill/exp)")
    ] = None,
    resume: Resume = False,
    changes: RecipeChanges = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="A recipe file, a pair: t-from-s s-from-m m-from-l l-from-l, or a scale. (that "
            "of the student's neck)"
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
    """Train a detector with a teacher: first with mosaics and its feature maps, then without both.

    Everything else works as in `maenas train`. The recipe has a section `distill`, which --set
    changes: distill.method=mgd, distill.weight=2.
    """
    import maenas

    with interrupted(ADVICE):
        print_training(maenas.distill(**arguments(context)), as_json)
