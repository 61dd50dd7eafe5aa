"""`maenas data`: check, convert, count, join or show data sets, or generate one."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from maenas.cli.everywhere import everywhere
from maenas.cli.options import A_DATA_SET, ExistOk, Json
from maenas.cli.training.data_convert import convert_data
from maenas.cli.training.data_stats import data_stats
from maenas.cli.training.data_text import class_table, counts, problems_text
from maenas.cli.training.data_union import union_data

LOG = logging.getLogger(__name__)
data = typer.Typer(no_args_is_help=True, help="Check, convert, join, show or generate data sets.")

Size = Annotated[
    str,
    typer.Option(
        help="Side of the network's input in pixels, or height and width as in 64x320.",
        metavar="SIDE|HxW",
    ),
]
Source = Annotated[
    Path,
    typer.Argument(
        help=f"{A_DATA_SET}.",
        metavar="DATA",
    ),
]


def check_data(
    source: Source,
    size: Size = "640",
    images: Annotated[bool, typer.Option("--images/--no-images", help="Read the images.")] = True,
    most: Annotated[
        int | None,
        typer.Option("--most", help="Maximum number of images per split, evenly spread. (all)"),
    ] = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="List every problem, not only the first of each kind.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check a data set: what is wrong, where, and how to fix it.

    Labels and images that a training skips are warnings; the exit code is 2 for errors that would
    stop a training.
    """
    import maenas
    from maenas.budgets.image_size import parse_size
    from maenas.terminal.console import OUT, print_json

    result = maenas.check_data(source, size=parse_size(size), images=images, most=most)
    if as_json:
        print_json(result.to_json())
    else:
        for line in counts(result):
            OUT.print(line)
        for split, counted in result.splits.items():
            if counted.sources:
                OUT.print(class_table(split, counted, show_all))
        for line in problems_text(result.problems, show_all):
            OUT.print(line)
    if result.errors:
        sys.exit(2)


def make_shapes(
    out: Annotated[Path, typer.Option(help="Folder to write into.")],
    level: Annotated[str, typer.Option(help="Difficulty: easy, medium or hard.")] = "medium",
    images: Annotated[
        int, typer.Option(help="Number of training images; a fifth as many are added to validate.")
    ] = 500,
    classes: Annotated[int, typer.Option(help="Number of classes, 1 to 8.")] = 3,
    size: Annotated[int, typer.Option(help="Side of the images in pixels.")] = 256,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    exist_ok: ExistOk = False,
) -> None:
    """Generate a data set of shapes on a textured background, to try the commands."""
    import maenas
    from maenas.terminal.console import OUT

    made = maenas.make_shapes(
        out, level=level, images=images, classes=classes, size=size, seed=seed, exist_ok=exist_ok
    )
    counts = ", ".join(f"{count:,} to {split}" for split, count in made.images.items())
    OUT.print(f"{counts}; classes {', '.join(made.names)}")
    OUT.print(f"written: {made.path}")


def show_data(
    source: Source,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write into. (the next runs/data/exp)")
    ] = None,
    split: Annotated[str, typer.Option(help="Split: train, val or test.")] = "train",
    size: Size = "640",
    sheets: Annotated[int, typer.Option(help="Number of sheets.")] = 4,
    batch: Annotated[int, typer.Option(help="Number of images per sheet.")] = 9,
    augmented: Annotated[
        bool,
        typer.Option(
            "--augmented/--plain",
            help="Show what a training sees, mosaics included, or images as they are. (plain)",
        ),
    ] = False,
    resize: Annotated[str, typer.Option(help="Resizing: stretch or letterbox.")] = "stretch",
    recipe: Annotated[
        str | None,
        typer.Option(help="With --augmented: recipe, t s m l ns nm nl or a file. (that of t to l)"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    exist_ok: ExistOk = False,
) -> None:
    """Write sheets of images with their labels drawn, to see what is wrong with them."""
    import maenas
    from maenas.budgets.image_size import parse_size
    from maenas.terminal.console import OUT, count_of

    shown = maenas.show_data(
        *(source, out),
        split=split,
        size=parse_size(size),
        sheets=sheets,
        batch=batch,
        augmented=augmented,
        resize=resize,
        recipe=recipe,
        seed=seed,
        exist_ok=exist_ok,
    )
    for message in shown.skipped:
        LOG.info(f"skipped: {message}")
    made = count_of(len(shown.files), "sheet")
    OUT.print(f"written: {shown.folder}, {made} of up to {batch} images")


data.command("check")(everywhere(check_data))
data.command("convert")(everywhere(convert_data))
data.command("make-shapes")(everywhere(make_shapes))
data.command("show")(everywhere(show_data))
data.command("stats")(everywhere(data_stats))
data.command("union")(everywhere(union_data))
