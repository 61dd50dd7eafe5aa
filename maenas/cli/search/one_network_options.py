"""Options of commands that search one network: its scale and the shape of its input."""

from __future__ import annotations

from typing import Annotated

import typer

from maenas.cli.options import NETWORK

Scale = Annotated[
    str | None,
    typer.Option(
        "--template",
        help="Scale of neck and head: ns nm nl t s m l, cn cs for CPUs, or a .yaml of your own. "
        "(by budget if left out)",
        rich_help_panel=NETWORK,
    ),
]
Side = Annotated[
    str | None,
    typer.Option(
        "--input-size",
        help="Side of the image in pixels, or height and width as in 64x320. (that of your own "
        "--space, else the template's)",
        metavar="SIDE|HxW",
        rich_help_panel=NETWORK,
    ),
]
Channels = Annotated[
    int | None,
    typer.Option(
        help="Number of channels of the images: 3 for RGB, 1 for grey. (the space's)",
        rich_help_panel=NETWORK,
    ),
]
