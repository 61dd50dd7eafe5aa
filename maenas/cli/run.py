"""`maenas run`: from a data set and a budget to a trained, exported and measured detector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maenas.cli.options import A_DATA_SET, Json, Resume, Threads
from maenas.cli.search.one_network_options import Channels, Scale, Side
from maenas.cli.search.search_options import Evaluations, Seed
from maenas.cli.stop import interrupted
from maenas.cli.training.train_options import Epochs, Init
from maenas.cli.typed import typed

if TYPE_CHECKING:
    from maenas.pipeline.result import RunResult

ADVICE = "the same command with --resume continues from here"


def run(
    context: typer.Context,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            help="Limit such as 30ms or 8Mparams, several times for several limits. (the latency "
            "of the published network)"
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help=f"{A_DATA_SET}. (generated shapes)"),
    ] = None,
    device: Annotated[
        str, typer.Option(help="Device of the budget: cpu, t4, a table's name or file.")
    ] = "cpu",
    precision: Annotated[
        str | None, typer.Option(help="Number format of a device of this machine. (its default)")
    ] = None,
    threads: Threads = None,
    space: Annotated[
        str | None, typer.Option(help="Search space, by name or file. (the template's)")
    ] = None,
    template: Scale = None,
    input_size: Side = None,
    channels: Channels = None,
    evaluations: Evaluations = 100_000,
    epochs: Epochs = None,
    init: Init = None,
    full_profile: Annotated[
        bool, typer.Option("--full-profile", help="Profile for 8 minutes instead of 2.")
    ] = False,
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run. (the next runs/run/exp)")
    ] = None,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Search, train, evaluate, export and measure a detector for your device and data.

    Each step is announced as the command that you could type yourself. A run that was stopped
    continues with --resume.
    """
    import maenas
    from maenas.cli.training.train_options import arguments
    from maenas.terminal.console import print_json

    with interrupted(ADVICE):
        result = maenas.run(**arguments(context), given=typed(context))
        print_json(result.to_json()) if as_json else print_run(result)


def print_run(result: RunResult) -> None:
    """Print what the detector reaches, and where it is."""
    from rich.panel import Panel

    from maenas.pipeline.card import card_of
    from maenas.terminal.console import OUT

    OUT.print(Panel(card_of(result), title="maenas run", expand=True))
