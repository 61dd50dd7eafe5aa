"""`maenas race`: successive halving over a few networks with real trainings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maenas.cli.options import COMPUTE, OUTPUT, Json, Ray, Resume
from maenas.cli.stop import interrupted
from maenas.cli.training.train import ADVICE
from maenas.cli.training.train_options import (
    Epochs,
    RecipeChanges,
    TrainCompute,
    TrainData,
    arguments,
)


def race(
    context: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            help="The folder of `maenas search --portfolio`, or several specs, detectors or "
            "zoo:NAME. (the run's, with --resume)",
            metavar="RUN",
            show_default=False,
        ),
    ] = None,
    data: TrainData = None,
    minutes: Annotated[
        float | None,
        typer.Option(help="Minutes that all trainings together should take."),
    ] = None,
    epochs: Epochs = None,
    seed: Annotated[int, typer.Option(help="Random seed of the trainings.")] = 0,
    recipe: Annotated[
        Path | None, typer.Option(help="Recipe file or scale. (that of each neck)")
    ] = None,
    changes: RecipeChanges = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the race. (the next runs/race/exp)", rich_help_panel=OUTPUT),
    ] = None,
    resume: Resume = False,
    workers: Annotated[
        int, typer.Option(help="Number of trainings at the same time.", rich_help_panel=COMPUTE)
    ] = 1,
    ray: Ray = None,
    compute: TrainCompute = "auto",
    as_json: Json = False,
) -> None:
    """Train a few networks briefly, keep the better half, train longer, the winner to the end.

    --epochs gives the length of the last round; --minutes chooses it by the time of one epoch.
    """
    import maenas
    from maenas.cli.training.race_text import print_race
    from maenas.terminal.console import print_json

    with interrupted(ADVICE):
        result = maenas.race(**arguments(context))
        print_json(result.to_json()) if as_json else print_race(result)
