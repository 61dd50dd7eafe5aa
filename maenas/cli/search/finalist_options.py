"""The options of `maenas search` that choose among its finalists."""

from __future__ import annotations

from typing import Annotated

import typer

from maenas.cli.options import COMPUTE, METHOD

Verify = Annotated[
    int,
    typer.Option(
        help="Number of finalists to measure on the device; the best one within the budget wins.",
        rich_help_panel=COMPUTE,
    ),
]
VerifyWith = Annotated[
    list[str] | None,
    typer.Option(
        help="Command that measures a finalist instead and prints milliseconds: "
        "'./measure.sh {onnx}'; with several devices DEVICE=COMMAND, one for each.",
        metavar="COMMAND",
        rich_help_panel=COMPUTE,
    ),
]
VerifyTimeout = Annotated[
    float,
    typer.Option(
        help="Seconds after which that command is ended.", metavar="S", rich_help_panel=COMPUTE
    ),
]
Rerank = Annotated[
    str | None,
    typer.Option(
        help="Rank the finalists by a score that needs forward passes: naswot, synflow, "
        "zen, zico, expressivity, progressivity, trainability, max-entropy-forward or "
        "module:object.",
        metavar="NAME",
        rich_help_panel=METHOD,
    ),
]
