"""`maenas judge`: what scores are worth among trained networks of equal cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maenas.cli.options import COMPUTE, METHOD, NETWORK, OUTPUT, Json, Ray, Resume
from maenas.cli.search.one_network_options import Side
from maenas.cli.search.search_options import Scope, Seed
from maenas.cli.stop import interrupted
from maenas.cli.training.train_options import RecipeChanges, TrainCompute, TrainData, arguments

ADVICE = "the same command with --resume continues"


def judge(
    context: typer.Context,
    table: Annotated[
        Path | None,
        typer.Argument(
            help="CSV file of trained networks; without one, networks are drawn and trained.",
            metavar="[TABLE]",
            show_default=False,
        ),
    ] = None,
    at: Annotated[
        str,
        typer.Option(
            help="Cost of all networks: 1.0GMACs, or 20ms with --device.",
            show_default=False,
            rich_help_panel=NETWORK,
        ),
    ] = "",
    data: TrainData = None,
    space: Annotated[
        str | None,
        typer.Option(help="Search space. (the template's)", rich_help_panel=NETWORK),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(help="Scale of neck and head. (by --at)", rich_help_panel=NETWORK),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="Device or table that prices a latency.", rich_help_panel=NETWORK),
    ] = None,
    scope: Scope = "detector",
    input_size: Side = None,
    networks: Annotated[
        int, typer.Option(help="Number of networks, 10 or more.", rich_help_panel=NETWORK)
    ] = 48,
    band: Annotated[
        float,
        typer.Option(help="Relative width of the band of cost.", rich_help_panel=NETWORK),
    ] = 0.05,
    equal_depth: Annotated[
        bool,
        typer.Option(
            "--equal-depth", help="Draw networks of one number of layers.", rich_help_panel=NETWORK
        ),
    ] = False,
    seed: Seed = 0,
    epochs: Annotated[
        int, typer.Option(help="Number of epochs of each training.", rich_help_panel=METHOD)
    ] = 24,
    short_epochs: Annotated[
        int | None,
        typer.Option(
            help="Number of epochs of a further, shorter training of each network.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    repeats: Annotated[
        int,
        typer.Option(
            help="Number of networks that are trained with a second seed as well.",
            rich_help_panel=METHOD,
        ),
    ] = 0,
    recipe: Annotated[
        Path | None,
        typer.Option(help="Recipe file or scale. (the template's)", rich_help_panel=METHOD),
    ] = None,
    changes: RecipeChanges = None,
    proxies: Annotated[
        list[str] | None,
        typer.Option(
            "--proxy",
            help="Compare a score that needs forward passes: naswot, synflow, zen, zico, "
            "expressivity, progressivity, trainability or module:object; may be repeated.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    accuracy: Annotated[
        str, typer.Option(help="Column of a table with the accuracy.", rich_help_panel=METHOD)
    ] = "acc",
    cost: Annotated[
        str | None,
        typer.Option(
            help="Column of a table with the cost. (latency_ms where there is one, or macs)",
            rich_help_panel=METHOD,
        ),
    ] = None,
    draws: Annotated[
        int,
        typer.Option(help="Number of bootstrap draws of each interval.", rich_help_panel=METHOD),
    ] = 400,
    minutes: Annotated[
        float | None,
        typer.Option(
            help="Begin no further training after so many minutes; --resume goes on.",
            rich_help_panel=COMPUTE,
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(help="Number of trainings at the same time.", rich_help_panel=COMPUTE),
    ] = 1,
    ray: Ray = None,
    compute: TrainCompute = "auto",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the run, or of result and plot of a table. (the next "
            "runs/judge/exp; none for a table)",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Compare scores with the accuracy of trained networks of equal cost.

    The networks of a table; or random networks of a space, each trained with the same recipe.
    """
    import maenas
    from maenas.cli.search.judge_text import print_verdict
    from maenas.cli.typed import typed
    from maenas.terminal.console import print_json

    with interrupted(ADVICE if table is None else ""):
        found = maenas.judge(**arguments(context), given=typed(context))
        print_json(found.to_json()) if as_json else print_verdict(found)
