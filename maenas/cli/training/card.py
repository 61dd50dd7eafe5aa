"""`maenas card`: the model card of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def card(
    run: Annotated[
        Path, typer.Argument(help="Folder of a training, such as runs/train/exp.", metavar="RUN")
    ],
    device: Annotated[
        list[str] | None,
        typer.Option(help="Device that latency is predicted for: t4, cpu, a table's name or file."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File of the card. (card.md in the folder of the training)")
    ] = None,
    push: Annotated[
        str | None,
        typer.Option(
            help="Repository of the Hugging Face Hub that detector and card are sent to.",
            metavar="OWNER/NAME",
        ),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Make a new repository public. (private)")
    ] = False,
) -> None:
    """Write the model card of a training: results, latency, data, recipe and limits."""
    import maenas
    from maenas.terminal.console import OUT

    path = maenas.card(run, devices=device or (), out=out, push=push, public=public)
    OUT.print(f"written: {path}")
