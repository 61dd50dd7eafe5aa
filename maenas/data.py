"""`maenas data`: check a data set, see what the network sees of it, or generate one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from detector.data.dataset import Problem

data = typer.Typer(no_args_is_help=True, help="Check, show or generate data sets.")

SCHEMA = "maenas/data-check@1"
FIRST = 5  # problems of one kind that are listed without --all
Source = Annotated[
    Path, typer.Argument(help="data.yaml, a folder with one, or a COCO .json.", metavar="DATA")
]


@data.command("check")
def check_data(
    source: Source,
    size: Annotated[int, typer.Option(help="Side of the network's input.")] = 640,
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Read every picture.")
    ] = True,
    everything: Annotated[
        bool, typer.Option("--all", help="List every problem, not the first of each kind.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout.")
    ] = False,
) -> None:
    """Find what is wrong with a data set: where, and how to mend it. Exits 2 on errors."""
    from blocks.errors import positive
    from detector.data.check import check, open_splits, summary
    from maenas.console import OUT, print_json
    from maenas.progress import Counter

    positive("check", size=size)
    splits, problems = open_splits(source)
    with Counter("check", sum(map(len, splits.values())), "pictures") as counter:
        problems += check(source, splits, (size, size), pictures, counter.advance)
    result = summary(splits, problems)
    if as_json:
        print_json({"schema": SCHEMA, "source": str(source), **result})
    else:
        for line in (*_counts(result), *_listed(problems, everything)):
            OUT.print(line)
    if result["errors"]:
        sys.exit(2)


@data.command("make-shapes")
def make_shapes_command(
    out: Annotated[Path, typer.Option(help="Folder to write into.")],
    level: Annotated[str, typer.Option(help="easy, medium or hard.")] = "medium",
    images: Annotated[
        int, typer.Option(help="Pictures to train on; a fifth as many more to validate.")
    ] = 500,
    classes: Annotated[int, typer.Option(help="1 to 8.")] = 3,
    size: Annotated[int, typer.Option(help="Side of a picture in pixels.")] = 256,
    seed: Annotated[int, typer.Option(help="Of all draws.")] = 0,
    exist_ok: Annotated[
        bool, typer.Option("--exist-ok", help="Write into a folder that is not empty.")
    ] = False,
) -> None:
    """Generate a data set of shapes on textured ground, to try everything out."""
    from detector.data.make_shapes import ShapeSet, make_shapes
    from maenas.console import OUT
    from maenas.folders import claim
    from maenas.progress import Counter

    shapes = ShapeSet(level, images, classes, size, seed)
    folder = claim(out, "data", exist_ok)
    with Counter("make-shapes", sum(shapes.counts().values()), "pictures") as counter:
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
    split: Annotated[str, typer.Option(help="train, val or test.")] = "train",
    size: Annotated[int, typer.Option(help="Side of the network's input.")] = 640,
    sheets: Annotated[int, typer.Option(help="How many to write.")] = 4,
    batch: Annotated[int, typer.Option(help="Pictures a sheet.")] = 9,
    plain: Annotated[
        bool, typer.Option("--plain", help="As the last epochs: without mosaic and mixup.")
    ] = False,
    resize: Annotated[str, typer.Option(help="stretch or letterbox.")] = "stretch",
    recipe: Annotated[
        str | None,
        typer.Option(help="Whose augmentation: t s m l ns nm nl, or a file. (that of t to l)"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of all draws.")] = 0,
    exist_ok: Annotated[
        bool, typer.Option("--exist-ok", help="Write into a folder that is not empty.")
    ] = False,
) -> None:
    """Write sheets of what the network sees in training, boxes drawn."""
    from dataclasses import replace
    from itertools import islice

    from PIL import Image

    from blocks.errors import positive
    from detector.data import Augmentation, Plan, TrainLoader, read_dataset
    from detector.data.dataset import DataError
    from detector.data.show import sheet
    from maenas.console import ERR, OUT
    from maenas.folders import claim
    from maenas.settled import named_recipe

    positive("show", sheets=sheets)
    drawn = Augmentation() if recipe is None else named_recipe(recipe).augmentation
    augmentation = replace(drawn, resize=resize)
    plan = Plan((size, size), batch, 1, seed, augmentation, plain_epochs=1 if plain else 0)
    dataset = read_dataset(source, split)
    loader = TrainLoader(dataset, plan)
    folder = claim(out, "data", exist_ok)
    written = 0
    for number, made in enumerate(islice(loader.epoch(0), sheets)):
        path = folder / f"{split}_{number}.jpg"
        try:
            Image.fromarray(sheet(made, dataset.names)).save(path, quality=90)
        except OSError as error:
            raise DataError(f"{path}: cannot be written: {error.strerror or error}.") from None
        written += 1
    for message in loader.damaged:
        ERR.print(f"passed over: {message}")
    OUT.print(f"written: {folder}, {written} sheets of up to {batch} pictures")


def _counts(result: dict[str, Any]) -> list[str]:
    """A line for each split."""
    from maenas.console import count_of

    lines = []
    for split, counted in result["splits"].items():
        classes = counted["classes"]
        most = sorted(classes.items(), key=lambda item: -item[1])[:5]
        named = ", ".join(f"{name} {count:,}" for name, count in most)
        rest = f" and {len(classes) - 5} classes more" if len(classes) > 5 else ""
        if counted["crowds"]:
            rest += f"; {counted['crowds']:,} regions to ignore (crowds)"
        lines.append(
            f"{split}: {count_of(counted['pictures'], 'picture')} ({counted['background']:,} "
            f"background), {count_of(counted['objects'], 'object')}: {named}{rest}"
        )
    return lines


def _listed(problems: list[Problem], everything: bool) -> list[str]:
    """Errors first, then warnings; the first few of each group unless all are asked for."""
    from maenas.console import count_of

    if not problems:
        return ["nothing is wrong with it"]
    lines = []
    for severity in ("error", "warning"):
        for group in ("files", "pictures", "labels", "balance"):
            found = [p for p in problems if (p.severity, p.group) == (severity, group)]
            shown = found if everything else found[:FIRST]
            lines += [f"{severity} ({group}): {problem}" for problem in shown]
            if len(shown) < len(found):
                lines.append(f"  and {len(found) - len(shown):,} more like it; --all lists them")
    errors = sum(problem.severity == "error" for problem in problems)
    lines.append(f"{count_of(errors, 'error')}, {count_of(len(problems) - errors, 'warning')}")
    return lines
