"""The options of `maenas search`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maenas.cli.options import BUDGET, METHOD, NETWORK, OUTPUT

Budgets = Annotated[
    list[str] | None,
    typer.Option(
        "--budget",
        help="Limit such as 3.8ms, 9GMACs, 8Mparams, 25layers or 64MB; 3.8ms@t4 names its device, "
        "one latency per device; 2ms..8ms for a family.",
        rich_help_panel=BUDGET,
    ),
]
Devices = Annotated[
    list[str] | None,
    typer.Option(
        "--device",
        help="Device that a latency without @ is priced for: t4, cpu, a table's name or file; "
        "several start one search each.",
        rich_help_panel=BUDGET,
    ),
]
Scope = Annotated[
    str,
    typer.Option(help="Scope of the budgets: detector or backbone.", rich_help_panel=BUDGET),
]
Points = Annotated[
    int,
    typer.Option(help="Number of networks in a family, over a range.", rich_help_panel=BUDGET),
]
Spaces = Annotated[
    list[str] | None,
    typer.Option(
        "--space",
        help="Search space: res, csp, mob, resnet, mobv3, cpu or a .yaml of your own; several "
        "start one search each, or one portfolio.",
        rich_help_panel=NETWORK,
    ),
]
Scales = Annotated[
    list[str] | None,
    typer.Option(
        "--template",
        help="Scale of neck and head: ns nm nl t s m l, cn cs for CPUs, or a .yaml of your own; "
        "several with --portfolio. (by budget if left out)",
        rich_help_panel=NETWORK,
    ),
]
Sides = Annotated[
    list[str] | None,
    typer.Option(
        "--input-size",
        help="Side of the image in pixels, or height and width as in 64x320; several sides with "
        "--portfolio. (that of your own --space, else the template's)",
        metavar="SIDE|HxW",
        rich_help_panel=NETWORK,
    ),
]
Classes = Annotated[
    int | None,
    typer.Option(
        "--num-classes",
        help="Number of classes of the detector. (those of --data, else 80)",
        rich_help_panel=NETWORK,
    ),
]
ClassesData = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Data set to train on later: the search prices a detector with its classes.",
        rich_help_panel=NETWORK,
    ),
]
Portfolio = Annotated[
    int | None,
    typer.Option(
        help="Number of networks that are optima of different scores, far from each other.",
        rich_help_panel=METHOD,
    ),
]
Score = Annotated[
    str,
    typer.Option(
        help="Score to maximise: max-entropy, log-entropy, log-macs (with a tilt: log-macs:t=0.5), "
        "macs, params, activations, layers, ln-width, a .yaml file or module:object.",
        rich_help_panel=METHOD,
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        help="Weights of the score, one per resolution level. (max-entropy: 0,0,1,1,6; else 1)",
        metavar="W,..",
        rich_help_panel=METHOD,
    ),
]
MaxEffectiveness = Annotated[
    float | None,
    typer.Option(
        help="DeepMAD's limit on depth relative to width, such as 0.3.", rich_help_panel=NETWORK
    ),
]
Layers = Annotated[
    str | None,
    typer.Option(
        help="auto chooses the limit on layers by the optima under several. (the template's)",
        rich_help_panel=NETWORK,
    ),
]
Algorithm = Annotated[
    str, typer.Option(help="Search algorithm: evolution, random or exact.", rich_help_panel=METHOD)
]
Evaluations = Annotated[
    int, typer.Option(help="Number of candidates to propose.", rich_help_panel=METHOD)
]
Seed = Annotated[int, typer.Option(help="Random seed.", rich_help_panel=METHOD)]
Islands = Annotated[
    int,
    typer.Option(
        help="Number of populations that evolve separately and exchange their best.",
        rich_help_panel=METHOD,
    ),
]
MigrateEvery = Annotated[
    int,
    typer.Option(help="Candidates of an island between two exchanges.", rich_help_panel=METHOD),
]
Finalists = Annotated[
    int,
    typer.Option(help="Number of finalists to score on random networks.", rich_help_panel=METHOD),
]
FinalistSeeds = Annotated[
    int, typer.Option(help="Number of random networks for each finalist.", rich_help_panel=METHOD)
]
Out = Annotated[
    Path | None,
    typer.Option(help="Folder of the run. (the next runs/search/exp)", rich_help_panel=OUTPUT),
]
Replace = Annotated[
    bool,
    typer.Option("--exist-ok", help="Replace the run in the folder.", rich_help_panel=OUTPUT),
]
