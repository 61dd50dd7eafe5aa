"""Writing a data set in any supported format."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from maenas.blocks.errors import one_of
from maenas.blocks.files.temporary import temporary_folder
from maenas.detector.data.dataset import DataError, Dataset, same_classes
from maenas.detector.data.labelled import EVERY_CLASS
from maenas.detector.data.union.join import relabelled
from maenas.detector.data.writers.coco import CocoWriter
from maenas.detector.data.writers.data_yaml import FILE
from maenas.detector.data.writers.file_names import file_names
from maenas.detector.data.writers.part import LeftOut, Part, Writer
from maenas.detector.data.writers.voc import VocWriter
from maenas.detector.data.writers.yolo import YoloWriter

WRITERS: dict[str, Writer] = {
    writer.name: writer for writer in (CocoWriter(), YoloWriter(), VocWriter())
}


@dataclass(frozen=True, slots=True)
class Written:
    """A data set that was written.

    Attributes:
        path: path of the `data.yaml`.
        form: name of the format.
        images: number of images of each split.
        objects: number of objects of each split in the source, without regions to ignore.
        regions: number of regions to ignore of each split in the source.
        skipped: number of images of each split that cannot be used, so they are not written.
        renamed: new name of each image file whose name changed, by its path in the source.
        left_out: one line for each kind of label that the format cannot state.
    """

    path: Path
    form: str
    images: dict[str, int]
    objects: dict[str, int]
    regions: dict[str, int]
    skipped: dict[str, int]
    renamed: dict[Path, str]
    left_out: tuple[str, ...]


def write_dataset(
    splits: Mapping[str, Dataset],
    folder: Path,
    form: str,
    *,
    link: bool = False,
    done: Callable[[int], object] = lambda count: None,
) -> Written:
    """Write images and labels, all or nothing: an error or a stop leaves the folder as it was.

    Args:
        splits: data sets by the name of the split, with the same classes.
        folder: existing folder to write into.
        form: name of the format: coco, yolo or voc.
        link: whether images are symbolic links to those of the source rather than copies.
        done: function called with the number of images written since the last call.
    Raises:
        MaenasError: for an unknown format, classes that differ or that the format cannot tell
            apart, no image at all, or a file that cannot be written.
    """
    one_of("convert", "format", form, tuple(WRITERS))
    writer = WRITERS[form]
    first, *others = splits.values()
    for other in others:
        same_classes(first, other)
    if not any(map(len, splits.values())):
        first.require_images(next(iter(splits)))
    writer.class_names(first.names)  # raises before any image is written
    single = {split: _regions_by_class(dataset) for split, dataset in splits.items()}
    parts = _parts(single, writer)
    try:
        with temporary_folder(folder) as place:
            left = _write(place, parts, writer, link, done)
            for each in sorted(place.iterdir(), key=lambda path: path.name == FILE):
                each.rename(folder / each.name)  # data.yaml last
    except OSError as error:
        where = error.filename2 or error.filename or folder
        raise DataError(f"{where}: cannot be written: {error.strerror or error}.") from None
    return Written(
        folder / FILE,
        form,
        {split: len(part.dataset) for split, part in parts.items()},
        {split: int(dataset.counts().sum()) for split, dataset in splits.items()},
        {split: int(dataset.columns.crowd.sum()) for split, dataset in splits.items()},
        {split: dataset.left_out for split, dataset in splits.items()},
        _renamed(parts),
        tuple(left.lines()),
    )


def _regions_by_class(dataset: Dataset) -> Dataset:
    """A data set whose regions to ignore in every class are regions of each class."""
    classes = tuple(range(len(dataset.names)))
    columns = dataset.columns
    if not (columns.labels == EVERY_CLASS).any():
        return dataset
    own = [(index,) for index in classes]
    return replace(dataset, samples=relabelled(columns, own, classes))


def _parts(splits: Mapping[str, Dataset], writer: Writer) -> dict[str, Part]:
    """The splits with the names of their image files; an image of two splits is written once."""
    paths: dict[Path, list[Path]] = {}
    for split, dataset in splits.items():
        paths.setdefault(writer.image_folder(split), []).extend(dataset.columns.paths())
    names = {folder: file_names(some) for folder, some in paths.items()}
    return {
        split: Part(
            dataset, [names[writer.image_folder(split)][path] for path in dataset.columns.paths()]
        )
        for split, dataset in splits.items()
    }


def _renamed(parts: Mapping[str, Part]) -> dict[Path, str]:
    """New names of the image files that did not keep theirs."""
    return {
        path: file
        for part in parts.values()
        for path, file in zip(part.dataset.columns.paths(), part.files, strict=True)
        if file != path.name
    }


def _write(
    folder: Path,
    parts: Mapping[str, Part],
    writer: Writer,
    link: bool,
    done: Callable[[int], object],
) -> LeftOut:
    """Write the images, then the labels."""
    for split, part in parts.items():
        images = folder / writer.image_folder(split)
        images.mkdir(parents=True, exist_ok=True)
        for file, sample in part.images():
            _place(sample.path, images / file, link)
            done(1)
    return writer.write(folder, parts)


def _place(source: Path, to: Path, link: bool) -> None:
    """Copy an image, or link to it, unless an earlier split placed it."""
    if to.is_symlink() or to.exists():
        return
    if link:
        to.symlink_to(os.path.abspath(source))
    else:
        shutil.copyfile(source, to)
