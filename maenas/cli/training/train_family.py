"""`maenas train-family`: train the largest detector and distil it into the smaller ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maenas.cli.options import ImageSize, Json, Resume
from maenas.cli.stop import interrupted
from maenas.cli.training.train import ADVICE
from maenas.cli.training.train_options import (
    Epochs,
    Loaders,
    RecipeChanges,
    TrainCompute,
    TrainData,
    arguments,
)


def train_family(
    context: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            help="A run of `maenas search` over a range, or several specs, detectors or zoo:NAME. "
            "(the run's, with --resume)",
            metavar="SEARCH_RUN",
            show_default=False,
        ),
    ] = None,
    data: TrainData = None,
    epochs: Epochs = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the family. (the next runs/family/exp)")
    ] = None,
    resume: Resume = False,
    changes: RecipeChanges = None,
    device: Annotated[
        str | None, typer.Option(help="Price latency on this target. (the search's, else t4)")
    ] = None,
    input_size: ImageSize = None,
    inherit: Annotated[
        bool,
        typer.Option(
            "--inherit", help="Start each smaller detector from the weights of the next larger one."
        ),
    ] = False,
    compute: TrainCompute = "auto",
    workers: Loaders = None,
    as_json: Json = False,
) -> None:
    """Train a family: the largest detector alone, each smaller one with the next larger as teacher.

    Every member is a run in the folder; a table and a figure of AP against latency end it. Values
    of the recipe (--set) hold for all members, each of which has the recipe of its scale.
    """
    import maenas
    from maenas.cli.training.family_text import print_family
    from maenas.terminal.console import print_json

    with interrupted(ADVICE):
        result = maenas.train_family(**arguments(context))
        print_json(result.to_json()) if as_json else print_family(result)
