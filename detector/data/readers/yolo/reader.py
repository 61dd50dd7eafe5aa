"""Reader of YOLO label files: rows of `class x y width height` in shares of the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from maenas.blocks.files.plain_file import MIB, MISSING, read_text
from maenas.blocks.files.suffixes import SuffixCases, suffix_of
from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.paths import (
    class_names,
    find_entries,
    is_beside,
    log_elsewhere,
    plain_path,
)
from maenas.detector.data.readers.clean import dataset_of
from maenas.detector.data.readers.reading import counted
from maenas.detector.data.readers.rows import ProblemList, Rows, box_rows
from maenas.detector.data.readers.source import SPLITS, DataSource, Reader
from maenas.detector.data.readers.yolo.folder import label_file, names_of_folder, split_folders
from maenas.detector.data.readers.yolo.rows import KEY, RowError, RowForm, YoloRows, row_form
from maenas.detector.data.samples import Outlines
from maenas.detector.data.sizes import Sizes
from maenas.detector.media.images import IMAGE_SUFFIXES, UNREADABLE_SUFFIXES, ImageError
from maenas.detector.media.visible import all_visible_files, visible_files

LABELS_LIMIT = 64 * MIB
LIST_LIMIT = 1024 * MIB


class YoloReader(Reader):
    """Reader of image folders and lists, with labels in a sibling folder.

    A `data.yaml` names them, or they lie as tools write them beside a list of the classes.
    """

    name: ClassVar[str] = "yolo"
    looks_like: ClassVar[str] = "folder with images/, labels/ and classes.txt"

    def recognises(self, source: DataSource) -> bool:
        """Whether there is a `data.yaml` or a list of classes; the other readers come first."""
        if source.keys or not source.path.is_dir():
            return bool(source.keys)
        splits = split_folders(source.folder)
        return bool(splits) and names_of_folder(source.folder, splits) is not None

    def splits(self, source: DataSource) -> tuple[str, ...]:
        """The splits that `data.yaml` names, or those that have a folder."""
        found = source.keys or split_folders(source.folder)
        return tuple(split for split in SPLITS if found.get(split))

    def names(self, source: DataSource) -> tuple[str, ...]:
        """The classes that `data.yaml` or a list beside the images names."""
        return self._entries(source, SPLITS[0])[1]  # raises if there are no images to train

    def read(self, source: DataSource, split: str) -> Dataset:
        """The images of a split with their labels."""
        entries, names = self._entries(source, split)
        return read_yolo(source.path, split, entries, names, row_form(source.path, source.keys))

    def _entries(self, source: DataSource, split: str) -> tuple[list[Path], tuple[str, ...]]:
        """Folders and lists of a split, and the names of the classes."""
        if source.keys:
            entries, _ = find_entries(source.path, source.keys, split)
            return entries, class_names(source.path, source.keys)
        folders = split_folders(source.folder)
        if split not in folders:
            held = f", but {' and '.join(folders)}" if folders else ""
            raise DataError(f"{source.path}: has no split {split!r}{held}.")
        names = names_of_folder(source.folder, folders)
        if names is None:
            raise DataError(f"{source.path}: has no list of the classes.")
        return [folders[split]], names


def read_yolo(
    source: Path, split: str, entries: Sequence[Path], names: tuple[str, ...], form: RowForm
) -> Dataset:
    """Read the images of folders and lists, with their label files.

    Args:
        source: path of the `data.yaml` or of a folder without one, for messages.
        split: name of the split.
        entries: folders, or .txt files with one image per line.
        names: names of the classes.
        form: format of the rows of label files.
    Raises:
        DataError: if there is no image, a list cannot be read, or rows are ambiguous.
    """
    problems, rows = ProblemList(), YoloRows(form)
    listed: dict[str, tuple[Path, Path]] = {}  # each image with its entry
    for entry in entries:
        for image in _images(source, entry, problems):
            listed.setdefault(plain_path(image), (image, entry))
    images = list(listed.values())
    if not images:
        names_of_entries = ", ".join(map(str, entries))
        raise DataError(
            f"{source}: {split}: holds no image ({names_of_entries}){problems.first()}."
        )
    paths: list[Path] = []
    shapes: list[tuple[int, int]] = []
    ids: list[int] = []
    cases = SuffixCases(DataError)  # of label files
    with Sizes(source.resolve(), split) as sizes:
        for position, (image, entry) in counted(images):
            try:
                size = sizes.of(image)
            except ImageError as error:
                what = str(error).removeprefix(f"{image}: ").rstrip(".")
                is_in_list = suffix_of(entry) == ".txt"
                fix = f"or remove it from {entry}" if is_in_list else "or delete it"
                problems.add(len(paths), image, what, f"replace it, {fix}", group="images")
                continue
            try:
                labels = cases.find(label_file(image))
            except DataError as error:
                where, _, what = str(error).partition(": ")
                fix = "delete one of them"
                problems.add(len(paths), where, what.rstrip("."), fix, group="images")
                continue
            _read_labels(labels, len(paths), rows, problems)
            paths.append(image)
            shapes.append(size)
            ids.append(position)
    _report_labels_beside(paths, problems)
    unclear = rows.ambiguous()
    if unclear is not None:
        row = f"{cases.find(label_file(paths[rows.image[unclear]]))}:{rows.line[unclear]}"
        oriented, key = (
            ("an oriented box, ", f"`{KEY}: oriented`, ") if rows.may_be_oriented() else ("", "")
        )
        file = source / "data.yaml" if source.is_dir() else source
        raise DataError(
            f"{row}: may be a polygon, {oriented}a box with keypoints, or a box with score and "
            f"track id; say which in {file}: `{KEY}: polygon`, {key}`kpt_shape: [KEYPOINTS, 2 or "
            f"3]`, or `{KEY}: box`."
        )
    _require_numbers_from_0(source, split, np.array(rows.labels), names)
    if rows.keypoints:
        what = f"keypoints of {rows.keypoints:,} objects are not used, their boxes are"
        fix = "a detector learns only boxes"
        problems.add(-1, f"{source} ({split})", what, fix, skips=False)
    return dataset_of(
        source,
        names,
        range(len(names)),
        paths,
        shapes,
        ids,
        _in_pixels(rows, paths, shapes, cases),
        problems,
        lambda index: str(paths[index]),
    )


def _require_numbers_from_0(
    source: Path, split: str, labels: NDArray[np.int64], names: Sequence[str]
) -> None:
    """Raise `DataError` if classes seem to be numbered from 1: all objects had the class after.

    Args:
        source: data set, for the message.
        split: name of the split.
        labels: (N,), numbers of the classes as the label files have them.
        names: names of the classes.
    """
    count = len(names)
    if len(labels) and labels.min() == 1 and labels.max() == count:
        objects = int((labels == count).sum())
        raise DataError(
            f"{source}: {split}: no object has class 0, and {objects:,} have class {count}, which "
            f"does not exist: the label files seem to number classes from 1, and YOLO does from 0; "
            f"subtract 1 from each number, or correct those that are {count}."
        )


def _report_labels_beside(images: Sequence[Path], problems: ProblemList) -> None:
    """Report label files that lie beside their images, where the folder `labels` is missing."""
    beside: dict[Path, list[Path]] = {}
    for image in images:
        beside.setdefault(image.parent, []).append(image)
    for folder, own in beside.items():
        expected = label_file(own[0]).parent
        if expected == folder or expected.is_dir():
            continue
        stems = {image.stem for image in own}
        found = [file for file in visible_files(folder, ".txt") if file.stem in stems]
        if found:
            what = f"label files beside their images: {len(found)}, such as {found[0].name}"
            problems.add(-1, folder, what, f"they are not read; move them to {expected}")


def _read_labels(path: Path, image: int, rows: YoloRows, problems: ProblemList) -> None:
    """Add the rows of a label file; an image without a label file is background."""
    try:
        text = read_text(path, limit=LABELS_LIMIT, error=DataError)
    except DataError as error:
        what = str(error).removeprefix(f"{path}: ")
        if what != MISSING:
            problems.add(image, path, what.rstrip("."), "replace it")
        return
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.isspace():
            continue
        try:
            rows.add(image, number, line)
        except RowError as error:
            problems.add(image, f"{path}:{number}", str(error), error.fix)


def _in_pixels(
    rows: YoloRows,
    paths: Sequence[Path],
    shapes: Sequence[tuple[int, int]],
    cases: SuffixCases,
) -> Rows:
    image = np.array(rows.image, dtype=np.int64)
    sides = np.array(shapes, dtype=np.float64).reshape(-1, 2)[image, ::-1]  # (N, 2): width, height
    made = rows.outlines.made()
    if len(made.points):
        points = made.points * sides[made.points_of_objects()].astype(np.float32)
        made = Outlines(points, made.parts, made.objects)
    boxes = np.array(rows.boxes, dtype=np.float64).reshape(-1, 4) * np.tile(sides, 2)
    found = box_rows(
        image,
        boxes,
        rows.labels,
        lambda row: f"{cases.find(label_file(paths[rows.image[row]]))}:{rows.line[row]}",
    )
    return replace(found, outlines=made)


def _images(source: Path, entry: Path, problems: ProblemList) -> list[Path]:
    """Images in a folder and its subfolders, sorted by path, or images in a list, by line."""
    if entry.is_dir():
        files = all_visible_files(entry)
        for file in files:
            if suffix_of(file) in UNREADABLE_SUFFIXES:
                what = "is in a form that cannot be read"
                problems.add(-1, file, what, "convert it to .jpg or .png", group="images")
        return [file for file in files if suffix_of(file) in IMAGE_SUFFIXES]
    if suffix_of(entry) in IMAGE_SUFFIXES:
        return [entry]
    if suffix_of(entry) != ".txt":
        raise DataError(f"{source}: {entry} is not a folder, a .txt list or a COCO .json file.")
    text = read_text(entry, limit=LIST_LIMIT, error=DataError)
    images = [_listed(line.strip(), entry, source) for line in text.splitlines() if line.strip()]
    for image in images:
        if not is_beside(entry, image) and not is_beside(source, image):
            log_elsewhere(str(entry), entry.parent / image, image)
            break
    return images


def _listed(line: str, entry: Path, source: Path) -> Path:
    """Path of a listed image, relative to the list, the yaml or the working directory."""
    if "\0" in line:
        raise DataError(f"{entry}: a line cannot be the name of a file.")
    forms = dict.fromkeys((line, line.replace("\\", "/")))  # Windows separators
    tried = [folder / form for form in forms for folder in (entry.parent, source.parent, Path())]
    try:
        return next((path for path in tried if path.exists()), tried[0])
    except OSError:  # the name is too long
        return tried[0]
