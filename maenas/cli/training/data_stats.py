"""`maenas data stats`: how often each source and class of a data set is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maenas.cli.options import A_DATA_SET, Json


def data_stats(
    source: Annotated[
        Path,
        typer.Argument(help=f"{A_DATA_SET}.", metavar="DATA"),
    ],
    split: Annotated[str, typer.Option(help="Split: train, val or test.")] = "train",
    recipe: Annotated[
        str | None,
        typer.Option(help="Recipe with the sampling: t s m l ns nm nl, or a file. (every image)"),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a value of the recipe.", metavar="A.B=C"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Draw the bars into this .png file.")] = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="List every class, not only the most and least frequent.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show how often each source and class is drawn, before and after sampling.

    An example with sampling: --set sampling.power=0.5 --set sampling.class_aware=true
    """
    import maenas
    from maenas.cli.training.data_stats_text import stats_text
    from maenas.terminal.console import OUT, print_json

    stats = maenas.data_stats(source, split=split, recipe=recipe, changes=changes or (), out=out)
    if as_json:
        print_json(stats.to_json())
        return
    for line in stats_text(stats, show_all):
        OUT.print(line)
    if out is not None:
        OUT.print(f"written: {out}")
