"""`maenas data`: check a data set, show the network's input images, or generate a data set."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from maenas.cli.options import ExistOk, Json
from maenas.cli.training.data_text import counts, problems_text

data = typer.Typer(no_args_is_help=True, help="Check, show or generate data sets.")

SCHEMA = "maenas/data-check@1"
Source = Annotated[
    Path, typer.Argument(help="data.yaml, a folder with one, or a COCO .json.", metavar="DATA")
]


@data.command("check")
def check_data(
    source: Source,
    size: Annotated[int, typer.Option(help="Side of the network's input.")] = 640,
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
    from maenas.blocks.errors import positive
    from maenas.detector.data.check import check, chosen, open_splits, summary
    from maenas.terminal.console import OUT, print_json
    from maenas.terminal.progress import Counter

    positive("check", size=size, most=1 if most is None else most)
    splits, problems = open_splits(source)
    most = most if images else 0
    count = sum(len(chosen(len(split), most)) for split in splits.values())
    with Counter("check", count, "images") as counter:
        problems += check(source, splits, (size, size), most, counter.advance)
    result = summary(splits, problems)
    if as_json:
        print_json({"schema": SCHEMA, "source": str(source), **result})
    else:
        for line in (*counts(result), *problems_text(problems, show_all)):
            OUT.print(line)
    if result["errors"]:
        sys.exit(2)


@data.command("make-shapes")
def make_shapes_command(
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
    from maenas.detector.data.make_shapes import ShapeSet, make_shapes
    from maenas.runs.start import new_run
    from maenas.terminal.console import OUT
    from maenas.terminal.progress import Counter

    shapes = ShapeSet(level, images, classes, size, seed)
    with (
        new_run(out, "data", exist_ok) as folder,
        Counter("make-shapes", sum(shapes.counts().values()), "images") as counter,
    ):
        path = make_shapes(shapes, folder, counter.advance)
    counts = ", ".join(f"{count:,} to {split}" for split, count in shapes.counts().items())
    OUT.print(f"{counts}; classes {', '.join(shapes.names)}")
    OUT.print(f"written: {path}")


@data.command("show")
def show_data(
    source: Source,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write into. (the next runs/data/exp)")
    ] = None,
    split: Annotated[str, typer.Option(help="Split: train, val or test.")] = "train",
    size: Annotated[int, typer.Option(help="Side of the network's input.")] = 640,
    sheets: Annotated[int, typer.Option(help="Number of sheets.")] = 4,
    batch: Annotated[int, typer.Option(help="Number of images per sheet.")] = 9,
    plain: Annotated[
        bool, typer.Option("--plain", help="Show the last epochs, without mosaic and mixup.")
    ] = False,
    resize: Annotated[str, typer.Option(help="Resizing: stretch or letterbox.")] = "stretch",
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Recipe of the augmentation: t s m l ns nm nl, or a file. (that of t to l)"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    exist_ok: ExistOk = False,
) -> None:
    """Write sheets of augmented training images with their boxes."""
    from dataclasses import replace
    from itertools import islice

    from PIL import Image

    from maenas.blocks.errors import positive
    from maenas.detector.data import Augmentation, LoaderOptions, TrainLoader, read_dataset
    from maenas.detector.data.dataset import DataError
    from maenas.detector.data.show import sheet
    from maenas.runs.start import new_run
    from maenas.terminal.console import ERR, OUT
    from maenas.training.setup import named_recipe

    positive("show", sheets=sheets)
    drawn = Augmentation() if recipe is None else named_recipe(recipe).augmentation
    augmentation = replace(drawn, resize=resize)
    options = LoaderOptions(
        (size, size), batch, 1, seed, augmentation, plain_epochs=1 if plain else 0
    )
    dataset = read_dataset(source, split)
    loader = TrainLoader(dataset, options)
    with new_run(out, "data", exist_ok) as folder:
        written = 0
        for number, made in enumerate(islice(loader.epoch(0), sheets)):
            path = folder / f"{split}_{number}.jpg"
            try:
                Image.fromarray(sheet(made, dataset.names)).save(path, quality=90)
            except OSError as error:
                raise DataError(f"{path}: cannot be written: {error.strerror or error}.") from None
            written += 1
    for message in loader.damaged:
        ERR.print(f"skipped: {message}")
    OUT.print(f"written: {folder}, {written} sheets of up to {batch} images")
