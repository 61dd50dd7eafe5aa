"""`maenas data convert`: write a data set in another format."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from maenas.cli.options import A_DATA_SET

LOG = logging.getLogger(__name__)


def convert_data(
    source: Annotated[
        Path,
        typer.Argument(
            help=f"{A_DATA_SET}.",
            metavar="DATA",
        ),
    ],
    to: Annotated[str, typer.Option(help="Format: coco, yolo or voc.")],
    out: Annotated[Path, typer.Option(help="Folder to write into; new or empty.")],
    link: Annotated[
        bool, typer.Option("--link", help="Link to the images instead of copying them.")
    ] = False,
) -> None:
    """Write a data set as COCO, YOLO or Pascal VOC, with its images.

    Every format that `train` reads can be the source, CSV lists included. Labels that cannot be
    used are skipped, as a training skips them; `maenas data check` lists them.
    """
    import maenas
    from maenas.terminal.console import OUT, count_of

    made = maenas.convert_data(source, out, to=to, link=link)
    for split, count in made.images.items():
        objects = count_of(made.objects[split], "object")
        skipped = made.skipped[split]
        regions = made.regions[split]
        end = f"; {count_of(regions, 'region')} to ignore" if regions else ""
        end += f"; {count_of(skipped, 'image')} left out" if skipped else ""
        OUT.print(f"{split}: {count_of(count, 'image')}, {objects}{end}")
    if made.renamed:
        path, name = next(iter(made.renamed.items()))
        OUT.print(f"renamed: {count_of(len(made.renamed), 'image')}, such as {path} to {name}")
    for line in made.left_out:
        LOG.warning(f"left out: {line}")
    OUT.print(f"written: {made.path}")
