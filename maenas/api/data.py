"""Python API: check, convert, count or join data sets, draw their labels, generate one."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maenas.detector.data.check import CheckResult
    from maenas.detector.data.dataset import Dataset
    from maenas.detector.data.sampling.stats import DataStats
    from maenas.detector.data.union.proposal import Proposal
    from maenas.detector.data.writers.write import Written
    from maenas.detector.train import Recipe

LOG = logging.getLogger(__name__)


MANY = 50_000  # images; reading more takes minutes


@dataclass(frozen=True, slots=True)
class Sheets:
    """Sheets of a data set's images with their labels.

    Attributes:
        folder: folder of the sheets.
        files: image file of each sheet.
        batch: largest number of images on a sheet.
        skipped: a line for each image that could not be read.
    """

    folder: Path
    files: tuple[Path, ...]
    batch: int
    skipped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shapes:
    """A generated data set.

    Attributes:
        path: path of the `data.yaml`.
        names: names of the classes.
        images: number of images of each split.
    """

    path: Path
    names: tuple[str, ...]
    images: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        return {"path": str(self.path), "names": list(self.names), "images": self.images}


def check_data(
    source: str | Path,
    *,
    size: int | tuple[int, int] = 640,
    images: bool = True,
    most: int | None = None,
) -> CheckResult:
    """What is wrong with a data set: where, and how to fix it.

    Args:
        source: a `data.yaml`, its folder, a COCO `.json` file, or what a reader of yours reads.
        size: side of the network's input in pixels, or (height, width), to report objects that are
            too small.
        images: read the images; otherwise only the labels.
        most: largest number of images of a split that are read, evenly spread; all if None.
    Raises:
        DataError: if the data set cannot be opened.

    Example:
        >>> checked = maenas.check_data("shapes")
        >>> checked.errors, checked.splits["train"].objects
    """
    from maenas.blocks.errors import positive
    from maenas.budgets.image_size import sides_of
    from maenas.detector.data.check import check, chosen, open_splits, summary
    from maenas.terminal.progress import Counter
    from maenas.terminal.reading import reading_line

    for side in sides_of(size):
        positive("check", size=side, most=1 if most is None else most)
    path = Path(source)
    splits, problems = open_splits(path, lambda split: reading_line("check", split))
    limit = most if images else 0
    count = sum(len(chosen(len(split), limit)) for split in splits.values())
    if limit is None and count > MANY:
        LOG.info(f"check: reads all {count:,} images; --most 10000 reads some of each split")
    with Counter("check", count, "images") as counter:
        problems += check(path, splits, sides_of(size), limit, counter.advance)
    return summary(path, splits, problems)


def convert_data(source: str | Path, out: str | Path, *, to: str, link: bool = False) -> Written:
    """Write a data set in another format, with its images.

    Images that cannot be decoded, or have another size than their annotations say, are left out.

    Args:
        source: data set, as for `check_data`.
        out: folder to write into; new or empty.
        to: format: "coco", "yolo" or "voc".
        link: make symbolic links to the images instead of copying them.
    Raises:
        MaenasError: if the data set cannot be read, the format is unknown, or a file cannot be
            written.

    Example:
        >>> maenas.convert_data("shapes", "shapes-voc", to="voc").images
        {'train': 500, 'val': 100}
    """
    from maenas.blocks.errors import one_word
    from maenas.detector.data.readers.read import read_dataset, splits_of
    from maenas.detector.data.writers.usable_images import with_usable_images
    from maenas.detector.data.writers.write import WRITERS, write_dataset
    from maenas.runs.start import new_run
    from maenas.terminal.progress import Counter

    to = one_word("convert", "format", to, tuple(WRITERS))
    path = Path(source)
    names = splits_of(path)  # a missing source ends here: `out` may be a folder in it
    with new_run(Path(out), "data", None) as folder:
        read = {split: read_dataset(path, split) for split in names}
        with Counter("check", sum(map(len, read.values())), "images") as counter:
            splits = {
                split: with_usable_images(dataset, split, counter.advance)
                for split, dataset in read.items()
            }
        count = sum(map(len, splits.values()))
        if count:
            _warn_of_losses(splits)
        with Counter("convert", count, "images") as counter:
            return write_dataset(splits, folder, to, link=link, done=counter.advance)


def union_data(
    sources: Sequence[str | Path],
    out: str | Path = "union.yaml",
    *,
    labels: str | None = None,
    exist_ok: bool = False,
) -> Proposal:
    """Propose the union of several data sets, and write it as a file that `train` takes.

    Args:
        sources: data sets, each as for `check_data`.
        out: file to write.
        labels: published union whose classes come first, such as
            "coco-objects365-openimages-701".
        exist_ok: replace the file if it exists.
    Raises:
        MaenasError: if a data set cannot be read, or the file exists or cannot be written.

    Example:
        >>> maenas.union_data(["coco128", "pets"], "union.yaml").questions
        (Question(what='mouse: computer device or animal? kept apart', ...),)
    """
    from maenas.detector.data.union.make_union import proposed_union, write_union

    paths = [Path(each) for each in sources]
    proposal = proposed_union(paths, labels)
    chosen = f" --labels {labels}" if labels else ""
    command = f"maenas data union {' '.join(map(str, paths))} --out {out}{chosen}"
    write_union(proposal, Path(out), command, exist_ok)
    return proposal


def _warn_of_losses(splits: Mapping[str, Dataset]) -> None:
    """Warn of what is not in a data set after reading it, or cannot be written in any format."""
    from maenas.detector.data.readers.label_notes import label_notes

    for split, dataset in splits.items():
        skipped = [problem for problem in dataset.problems if problem.skips]
        if skipped:
            LOG.warning(
                f"{split}: skipped {len(skipped):,} of the labels and images, such as "
                f"{skipped[0]}; `maenas data check` lists all"
            )
        for note in label_notes(dataset):
            LOG.warning(f"{split}: {note}")
        if any(not source.annotated.all() for source in dataset.sources):
            LOG.warning(
                f"{split}: some images annotate a part of the classes only; the written files "
                "cannot state this, so objects of the other classes count as background"
            )


def make_shapes(
    out: str | Path,
    *,
    level: str = "medium",
    images: int = 500,
    classes: int = 3,
    size: int = 256,
    seed: int = 0,
    exist_ok: bool = False,
) -> Shapes:
    """Generate a data set of shapes on textured ground, to try everything out.

    Args:
        out: folder to write into.
        level: difficulty: "easy", "medium" or "hard".
        images: number of training images; a fifth as many more for validation.
        classes: number of classes, 1 to 8.
        size: side of an image in pixels.
        seed: random seed.
        exist_ok: write into a folder that is not empty.
    Raises:
        MaenasError: if a number is out of range, or a file cannot be written.

    Example:
        >>> maenas.make_shapes("shapes", images=50).names
        ('disk', 'square', 'triangle')
    """
    from maenas.detector.data.make_shapes import ShapeSet
    from maenas.detector.data.make_shapes import make_shapes as write_shapes
    from maenas.runs.start import new_run
    from maenas.terminal.progress import Counter

    shapes = ShapeSet(level.lower(), images, classes, size, seed)
    counts = shapes.counts()
    with (
        new_run(Path(out), "data", exist_ok) as folder,
        Counter("make-shapes", sum(counts.values()), "images") as counter,
    ):
        path = write_shapes(shapes, folder, counter.advance)
    return Shapes(path, shapes.names, counts)


def show_data(
    source: str | Path,
    out: str | Path | None = None,
    *,
    split: str = "train",
    size: int | tuple[int, int] = 640,
    sheets: int = 4,
    batch: int = 9,
    augmented: bool = False,
    resize: str = "stretch",
    recipe: str | Recipe | None = None,
    seed: int = 0,
    exist_ok: bool = False,
) -> Sheets:
    """Write sheets of images with their labels drawn: as they are, or as a training sees them.

    Args:
        source: data set, as for `check_data`.
        out: folder to write into; the next `runs/data/exp` if None.
        split: split of the data set: "train", "val" or "test".
        size: side of the network's input in pixels, or (height, width).
        sheets: number of sheets to write.
        batch: number of images on a sheet.
        augmented: show what the network sees in training, mosaics included, in which wrong labels
            are hard to see.
        resize: method that resizes images to the input size: "letterbox" or "stretch".
        recipe: recipe whose augmentation is shown with `augmented`: a `Recipe`, a scale or a file;
            that of scales t to l if None.
        seed: random seed of the images drawn.
        exist_ok: write into a folder that is not empty.
    Raises:
        MaenasError: if the data set cannot be read, or a file cannot be written.

    Example:
        >>> maenas.show_data("shapes", sheets=1).files
        (PosixPath('runs/data/exp/train_0.jpg'),)
    """
    from dataclasses import replace
    from itertools import islice

    from maenas.blocks.errors import SpecError, positive
    from maenas.budgets.image_size import sides_of
    from maenas.detector.data import Augmentation, LoaderOptions, TrainLoader, read_dataset
    from maenas.detector.data.show import save_sheet
    from maenas.runs.start import new_run
    from maenas.training.setup import named_recipe

    positive("show", sheets=sheets)
    if recipe is not None and not augmented:
        raise SpecError("recipe: only its augmentation can be shown, by --augmented as well.")
    usual = Augmentation() if recipe is None else named_recipe(recipe).augmentation
    if not augmented:
        usual = Augmentation(mosaic=0, mixup=0, flip=0, sada=False)
    options = LoaderOptions(sides_of(size), batch, 1, seed, replace(usual, resize=resize), 0)
    dataset = read_dataset(Path(source), split)
    loader = TrainLoader(dataset, options)
    files = []
    with new_run(None if out is None else Path(out), "data", exist_ok) as folder:
        for number, made in enumerate(islice(loader.epoch(0), sheets)):
            files.append(folder / f"{split}_{number}.jpg")
            save_sheet(made, dataset.names, files[-1])
    return Sheets(folder, tuple(files), batch, tuple(loader.damaged))


def data_stats(
    source: str | Path,
    *,
    split: str = "train",
    recipe: str | Recipe | None = None,
    changes: Sequence[str] = (),
    out: str | Path | None = None,
) -> DataStats:
    """How often each source and class is drawn in an epoch, before and after sampling.

    Args:
        source: data set, as for `check_data`.
        split: split of the data set: "train", "val" or "test".
        recipe: recipe with the sampling: a `Recipe`, a scale or a file; every image once if None.
        changes: changes of the recipe, such as "sampling.power=0.5".
        out: PNG file for bars of the frequencies; none if None.
    Raises:
        MaenasError: if the data set cannot be read, a setting is wrong, or a file cannot be
            written.

    Example:
        >>> stats = maenas.data_stats("shapes", changes=["sampling.class_aware=true"])
        >>> stats.classes[0].epochs
        1.0
    """
    from maenas.detector.data import read_dataset
    from maenas.detector.data.sampling.stats import data_stats as counted
    from maenas.detector.evaluate.sampling_plot import save_stats
    from maenas.detector.train import Recipe
    from maenas.detector.train.recipe import with_changes
    from maenas.training.setup import named_recipe

    path = Path(source)
    chosen = with_changes(Recipe() if recipe is None else named_recipe(recipe), changes)
    dataset = read_dataset(path, split)
    dataset.require_images(split)
    stats = counted(dataset, split, chosen.sampling, path)
    if out is not None:
        save_stats(stats, Path(out))
    return stats
