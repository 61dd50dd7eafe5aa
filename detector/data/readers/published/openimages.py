"""Reader of OpenImages: boxes in shares of the image, and classes checked image by image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from maenas.blocks.files.suffixes import suffix_of
from maenas.blocks.files.words import shown
from maenas.detector.data.dataset import DataError, Dataset, Source
from maenas.detector.data.readers.clean import dataset_of
from maenas.detector.data.readers.published.openimages_files import (
    OpenImagesFiles,
    find_openimages,
    read_classes,
)
from maenas.detector.data.readers.published.openimages_hierarchy import below, read_hierarchy
from maenas.detector.data.readers.published.openimages_labels import Boxes, Verified
from maenas.detector.data.readers.reading import counted
from maenas.detector.data.readers.rows import ProblemList, Rows
from maenas.detector.data.readers.source import SPLITS, DataSource, Reader
from maenas.detector.data.samples import ends_of
from maenas.detector.data.sizes import Sizes
from maenas.detector.media.images import IMAGE_SUFFIXES, ImageError
from maenas.detector.media.visible import visible_files

EXPAND = "expand"  # key of data.yaml
FOLDERS = {"train": ("train",), "val": ("validation", "val"), "test": ("test",)}


class OpenImagesReader(Reader):
    """Reader of the CSV files of OpenImages V4 to V7 and its challenges.

    An image annotates the classes of which people said that they are absent, with all classes below
    them, and the classes of its boxes. A class above one of its boxes is not annotated: a man has a
    box as Man and none as Person. `expand: true` in a `data.yaml` copies each box to all classes
    above instead, as the evaluation of OpenImages does; it is not the default, because detectors
    here learn one class per box.
    """

    name: ClassVar[str] = "openimages"
    looks_like: ClassVar[str] = "folder of OpenImages with annotations-bbox.csv and the classes"

    def recognises(self, source: DataSource) -> bool:
        """Whether boxes and classes are there, and no `data.yaml` with paths of images."""
        if any(source.keys.get(split) for split in SPLITS):
            return False
        return source.folder.is_dir() and find_openimages(source.folder) is not None

    def splits(self, source: DataSource) -> tuple[str, ...]:
        """The splits that have a file of boxes."""
        return tuple(_files(source).boxes)

    def names(self, source: DataSource) -> tuple[str, ...]:
        """The names of the classes in their file's order."""
        return tuple(read_classes(_classes(_files(source))).values())

    def files(self, source: DataSource, split: str) -> tuple[Path, ...]:
        """The files of classes, boxes and labels, and the `data.yaml` if there is one."""
        files = _files(source)
        own = source.path if source.keys else None
        used = (own, files.classes, files.hierarchy, files.boxes.get(split))
        return tuple(path for path in (*used, files.image_labels.get(split)) if path is not None)

    def read(self, source: DataSource, split: str) -> Dataset:
        """The images of a split that are on the disk."""
        files = _files(source)
        if split not in files.boxes:
            listed = " and ".join(files.boxes)
            raise DataError(f"{source.path}: has no split {split!r}, but {listed}.")
        expand = source.keys.get(EXPAND, False)
        if not isinstance(expand, bool):
            raise DataError(f"{source.path}: {EXPAND}: must be true or false, got {shown(expand)}.")
        if expand and files.hierarchy is None:
            raise DataError(
                f"{source.path}: {EXPAND}: needs the hierarchy of the classes, a .json."
            )
        return _read(source, split, files, expand)


def _classes(files: OpenImagesFiles) -> Path:
    """The file of the classes."""
    if files.classes is None:
        boxes = next(iter(files.boxes.values()))
        raise DataError(
            f"{boxes.parent}: has the boxes of OpenImages, {boxes.name}, and no file with the "
            "names of the classes; put class-descriptions-boxable.csv beside it."
        )
    return files.classes


def _files(source: DataSource) -> OpenImagesFiles:
    files = find_openimages(source.folder)
    if files is None:
        raise DataError(
            f"{source.folder}: holds no boxes of OpenImages (such as "
            "train-annotations-bbox.csv) beside a file of the classes "
            "(such as class-descriptions-boxable.csv)."
        )
    return files


def _read(source: DataSource, split: str, files: OpenImagesFiles, expand: bool) -> Dataset:
    names = read_classes(_classes(files))
    index_of = {key: index for index, key in enumerate(names)}
    above = {} if files.hierarchy is None else read_hierarchy(files.hierarchy)
    parents = {
        index_of[key]: [index_of[each] for each in those if each in index_of]
        for key, those in above.items()
        if key in index_of
    }
    children = {
        index_of[key]: [index_of[each] for each in those if each in index_of]
        for key, those in below(above).items()
        if key in index_of
    }
    problems = ProblemList()
    boxes = Boxes(files.boxes[split], index_of)
    labels = Verified(index_of)
    if split in files.image_labels:
        labels.read(files.image_labels[split])
    else:
        what, fix = "has no labels of whole images, checked by people", "add the file"
        note = f"{what}: no class is known to be absent"
        problems.add(-1, f"{source.folder} ({split})", note, fix, skips=False, group="files")
    if files.hierarchy is None:
        what = "has no hierarchy of the classes: an absent class says nothing of those below it"
        fix = "add the file, such as bbox_labels_600_hierarchy.json"
        problems.add(-1, source.folder, what, fix, skips=False, group="files")
    paths, sizes, keys = _images(source, split, {**boxes.images, **labels.images}, problems)
    rows = boxes.rows({key: index for index, key in enumerate(keys)}, np.array(sizes), problems)
    if expand:
        rows = _expanded(rows, parents)
    dataset = dataset_of(
        source.path,
        list(names.values()),
        range(len(names)),
        paths,
        sizes,
        range(len(paths)),
        rows,
        problems,
        lambda index: str(paths[index]),
    )
    kept = dataset.columns.image_ids  # images that lost all boxes were left out
    known = labels.annotated(
        [keys[index] for index in kept.tolist()], dataset, {} if expand else parents, children
    )
    columns = replace(
        dataset.columns,
        verified_ends=ends_of([len(each) for each in known]),
        verified=np.concatenate([*known, np.zeros(0, np.int32)]).astype(np.int32),
    )
    none = Source("", np.zeros(len(names), dtype=np.bool_))
    return replace(dataset, samples=columns, sources=(none,))


def _images(
    source: DataSource, split: str, listed: Mapping[str, object], problems: ProblemList
) -> tuple[list[Path], list[tuple[int, int]], list[str]]:
    """Paths, sizes and ids of the images that are both listed and on the disk."""
    folder = _folder(source, split, listed)
    there = {path.stem: path for path in visible_files(folder) if suffix_of(path) in IMAGE_SUFFIXES}
    strangers = [path for stem, path in there.items() if stem not in listed]
    if strangers:
        what = f"images without boxes or labels: {len(strangers):,}, such as {strangers[0].name}"
        fix = "they are left out; correct if they belong to another split"
        problems.add(-1, folder, what, fix, skips=False, group="images")
    lost = len(listed) - len(there) + len(strangers)
    if lost:
        what = f"images that are listed, but not on the disk: {lost:,}"
        problems.add(-1, folder, what, "correct if only a part was fetched", False, "files")
    paths: list[Path] = []
    sizes: list[tuple[int, int]] = []
    keys: list[str] = []
    with Sizes(source.path.resolve(), split) as known:
        for _, key in counted([stem for stem in there if stem in listed]):
            try:
                size = known.of(there[key])
            except ImageError as error:
                where, _, what = str(error).partition(": ")
                problems.add(-1, where, what.rstrip("."), "replace it", group="images")
                continue
            paths.append(there[key])
            sizes.append(size)
            keys.append(key)
    if not paths:
        raise DataError(f"{folder}: holds no image that can be used{problems.first()}.")
    return paths, sizes, keys


def _folder(source: DataSource, split: str, listed: Mapping[str, object]) -> Path:
    """The first usual folder that holds a listed image."""
    root = source.folder
    tried = [
        folder / word / data
        for word in FOLDERS[split]
        for folder in (root, root / "images")
        for data in (".", "data")
    ]
    for folder in (*tried, root / "images"):
        if folder.is_dir() and any(path.stem in listed for path in visible_files(folder)):
            return folder
    first = next(iter(listed), "IMAGE")
    folders = ", ".join(dict.fromkeys(map(str, tried)))
    raise DataError(
        f"{source.path}: {split}: no listed image, such as {first}.jpg, is in {folders}."
    )


def _expanded(rows: Rows, parents: Mapping[int, list[int]]) -> Rows:
    """Rows with a copy of each for every class above its own."""
    classes = [(label, *parents.get(label, ())) for label in rows.labels.tolist()]
    copies = np.array([len(each) for each in classes], dtype=np.int64)
    order = np.repeat(np.arange(len(classes)), copies)
    labels: NDArray[np.int64] = np.array([each for those in classes for each in those], np.int64)
    return replace(rows.take(order), labels=labels)
