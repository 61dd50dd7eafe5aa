"""Reader of CSV lists: a line has the image, the class and the corners of one object."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from math import isfinite, nan
from pathlib import Path
from typing import ClassVar

import numpy as np

from maenas.blocks.files.inside import fault_of
from maenas.blocks.files.plain_file import GIB, read_text
from maenas.blocks.files.words import cut, shown
from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.paths import class_names, plain_path
from maenas.detector.data.readers.clean import dataset_of
from maenas.detector.data.readers.csv_columns import BOX_SIDES, CORNERS, FURTHER, SIDES, columns_of
from maenas.detector.data.readers.reading import counted
from maenas.detector.data.readers.rows import ProblemList, box_rows
from maenas.detector.data.readers.shares import STRAY, STRAY_FIX, stray_shares
from maenas.detector.data.readers.source import AnnotationFileReader, DataSource
from maenas.detector.data.readers.values import class_name, number_fault, real
from maenas.detector.data.sizes import Sizes
from maenas.detector.media.images import ImageError

SUFFIXES = (".csv", ".tsv")
ROBOFLOW_FILE = "_annotations.csv"
MARKS = (",", ";", "\t")  # between columns; the most frequent of the first line counts
LONGEST_SIDE = 20  # characters of a side in a message


class CsvReader(AnnotationFileReader):
    """Reader of a .csv file, of those that a `data.yaml` names, or of Roboflow's folders.

    The first line names the columns; without it they are image, x1, y1, x2, y2 and class. An image
    whose class and corners are empty is background. Of four corners, x1 and y1 to x4 and y4, the
    smallest upright box around them is read.
    Of x, y, w and h, the upper left corner and the sides, the box is read. Columns are separated
    by commas, semicolons or tabs.
    """

    name: ClassVar[str] = "csv"
    looks_like: ClassVar[str] = f".csv list or folder with train/{ROBOFLOW_FILE}"
    suffixes: ClassVar[tuple[str, ...]] = SUFFIXES
    roboflow_file: ClassVar[str] = ROBOFLOW_FILE

    def names(self, source: DataSource) -> tuple[str, ...]:
        """The names in `data.yaml`; without them all classes of all splits, sorted."""
        if "names" in source.keys:
            return class_names(source.path, source.keys)
        files = [file for split in self.splits(source) for file in self.files_of(source, split)[0]]
        found: set[str] = set()
        first_fault = ""
        for file in dict.fromkeys(files):
            for row in _rows(file):
                found.add(row.label)
                if row.fault and not first_fault:
                    first_fault = f"; {file}:{row.line}: {row.fault}"
        found.discard("")
        if not found:
            raise DataError(f"{source.path}: no line has a class{first_fault}.")
        return tuple(sorted(found))

    def files(self, source: DataSource, split: str) -> tuple[Path, ...]:
        """The lists of all splits, which give the classes, and the `data.yaml` that names them."""
        lists = [file for each in self.splits(source) for file in self.files_of(source, each)[0]]
        own = (source.path,) if source.keys else ()
        return (*own, *dict.fromkeys((*self.files_of(source, split)[0], *lists)))

    def read(self, source: DataSource, split: str) -> Dataset:
        """The images that the lines of a split name, with their boxes."""
        files, root = self.files_of(source, split)
        listed = [(file, row) for file in files for row in _rows(file)]
        if not listed:
            raise DataError(f"{files[0]}: lists no image.")
        return _dataset(source, split, listed, root or files[0].parent, self.names(source))


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of a list.

    Attributes:
        line: number of the line, from 1.
        image: name of the image.
        label: name of the class; "" for background.
        box: corners in pixels; () for background.
        fault: what is wrong with the line; "" if it can be used.
        sides: texts of the width and height of the image; () if the list has none.
    """

    line: int
    image: str
    label: str = ""
    box: tuple[float, ...] = ()
    fault: str = ""
    sides: tuple[str, ...] = ()


def _rows(file: Path) -> Iterator[_Row]:
    """The lines of a list that are not blank."""
    text = read_text(file, limit=GIB, error=DataError)
    first = next((line for line in StringIO(text) if line.strip()), "")
    mark = max(MARKS, key=first.count)
    lines = csv.reader(StringIO(text, newline=""), delimiter=mark, strict=True)
    places: dict[str, int] | None = None
    titles: dict[str, str] = {}
    try:
        for fields in lines:
            if not any(field.strip() for field in fields):
                continue
            if places is None:
                places, is_header = columns_of(file, fields)
                if is_header:
                    titles = {column: fields[place].strip() for column, place in places.items()}
                    continue
            yield _row(lines.line_num, fields, places, titles)
    except csv.Error as error:
        raise DataError(f"{file}:{lines.line_num}: is no CSV: {error}.") from None


def _row(
    line: int, fields: Sequence[str], places: Mapping[str, int], titles: Mapping[str, str]
) -> _Row:
    """The object of a line.

    Args:
        line: number of the line, from 1.
        fields: texts of the line.
        places: index of each column.
        titles: name of each column in the list; empty without a header.
    """
    image = fields[places["image"]].strip() if len(fields) > places["image"] else ""
    needed = 1 + max(place for column, place in places.items() if column not in SIDES)
    if len(fields) < needed:
        return _Row(line, image, fault=f"has {len(fields)} columns, needs {needed}")
    texts = {
        column: fields[place].strip() for column, place in places.items() if place < len(fields)
    }
    corners = {name: texts[name] for name in (*CORNERS, *FURTHER, *BOX_SIDES) if name in texts}
    sides = tuple(texts[side] for side in SIDES) if all(side in texts for side in SIDES) else ()
    if not texts["class"] and not any(corners.values()):
        return _Row(line, image, sides=sides)
    try:
        label = class_name(titles.get("class", "class"), texts["class"])
    except DataError as error:
        return _Row(line, image, fault=str(error).rstrip("."))
    faults = (number_fault(titles.get(name, name), text) for name, text in corners.items())
    fault = next(filter(None, faults), "")
    if fault:
        return _Row(line, image, label, fault=fault)
    numbers = [float(text) for text in corners.values()]
    if all(name in texts for name in BOX_SIDES):
        x1, y1, width, height = numbers
        numbers = [x1, y1, x1 + width, y1 + height]
    elif len(numbers) > len(CORNERS):
        xs, ys = numbers[::2], numbers[1::2]
        numbers = [min(xs), min(ys), max(xs), max(ys)] if all(map(isfinite, numbers)) else [nan] * 4
    return _Row(line, image, label, tuple(numbers), sides=sides)


def _dataset(
    source: DataSource,
    split: str,
    listed: Sequence[tuple[Path, _Row]],
    root: Path,
    names: tuple[str, ...],
) -> Dataset:
    """Clean labels of the images that are on the disk."""
    problems, index_of = ProblemList(), {name: index for index, name in enumerate(names)}
    stray = _strays(listed)
    images = list(dict.fromkeys((file, row.image) for file, row in listed))
    first_line = {(file, row.image): row.line for file, row in reversed(listed)}
    stated: dict[tuple[Path, str], dict[tuple[str, ...], int]] = {}  # sides with a line of each
    for file, row in listed:
        if row.sides:
            stated.setdefault((file, row.image), {}).setdefault(row.sides, row.line)
    place_of: dict[tuple[Path, str], int] = {}
    place_of_path: dict[str, int] = {}  # an image may be spelled in several ways
    paths: list[Path] = []
    sizes: list[tuple[int, int]] = []
    with Sizes(source.path.resolve(), split) as known:
        for _, key in counted(images):
            file, name = key
            try:
                path = _image(file, root, name)
                size = known.of(path)
                _require_size(path, size, stated.get(key, {}))
            except (ImageError, DataError) as error:
                where = f"{file}:{first_line[key]}"
                what = str(error).rstrip(".")
                problems.add(len(paths), where, what, "correct it", group="images")
                continue
            place_of[key] = place_of_path.setdefault(plain_path(path), len(paths))
            if place_of[key] < len(paths):
                continue
            paths.append(path)
            sizes.append(size)
    if not paths:
        where = f"{source.path}: {split}"
        raise DataError(f"{where}: lists no image that can be used{problems.first()}.")
    kept: list[tuple[int, str, _Row]] = []
    for file, row in listed:
        image, where = place_of.get((file, row.image)), f"{file}:{row.line}"
        if image is None:
            continue
        if row.fault:
            problems.add(image, where, row.fault, "correct it, or delete the line")
        elif (file, row.line) in stray:
            problems.add(image, where, STRAY, STRAY_FIX)
        elif row.label and row.label not in index_of:
            what = f"class {shown(row.label)} is not among `names`"
            problems.add(image, where, what, "correct it, or add it to `names`")
        elif row.label:
            kept.append((image, where, row))
    rows = box_rows(
        [image for image, _, _ in kept],
        [row.box for _, _, row in kept],
        [index_of[row.label] for _, _, row in kept],
        lambda index: kept[index][1],
    )
    return dataset_of(
        source.path,
        names,
        range(len(names)),
        paths,
        sizes,
        range(len(paths)),
        rows,
        problems,
        lambda index: str(paths[index]),
    )


def _strays(listed: Sequence[tuple[Path, _Row]]) -> set[tuple[Path, int]]:
    """File and line of each box that is a share of the image, in a list of boxes in pixels."""
    boxed: dict[Path, list[_Row]] = {}
    for file, row in listed:
        if row.box:
            boxed.setdefault(file, []).append(row)
    return {
        (file, rows[index].line) for file, rows in boxed.items() for index in _stray_in(file, rows)
    }


def _stray_in(file: Path, rows: Sequence[_Row]) -> list[int]:
    """Indices of such lines of one list."""
    boxes = np.array([row.box for row in rows]).reshape(-1, 4)
    found: list[int] = stray_shares(
        str(file), boxes, lambda index: f"{file}:{rows[index].line}"
    ).tolist()
    return found


def _require_size(path: Path, size: tuple[int, int], stated: Mapping[tuple[str, ...], int]) -> None:
    """Raise `DataError` if lines of an image state another size than it has.

    Args:
        path: path of the image.
        size: (height, width) of the image.
        stated: texts of width and height, with the line that states them; "" and 0 are unknown.
    """
    height, width = size
    for texts, line in stated.items():
        is_size = [
            real(text or "0") in (0, side)
            for text, side in zip(texts, (width, height), strict=True)
        ]
        if not all(is_size):
            raise DataError(
                f"{path.name} is {width}x{height} when upright, but line {line} is for "
                f"{'x'.join(cut(text, LONGEST_SIDE) for text in texts)} (columns that "
                "are not of the image need another name than `width` and `height`)."
            )


def _beginnings(folders: Iterable[Path]) -> list[str]:
    """Beginnings of absolute paths to what lies in the folders, as they may be spelled."""
    spelled = [form for each in folders for form in (os.path.abspath(each), os.path.realpath(each))]
    return [f"{Path(each).as_posix()}/" for each in spelled]


def _image(file: Path, root: Path, name: str) -> Path:
    """The image of a line, beside the list or in its folder `images`, or below `path`.

    Raises:
        DataError: if the name leads out of the folder, or no image is there.
    """
    folders = dict.fromkeys((file.parent, file.parent / "images", root, root / "images"))
    name = name.replace("\\", "/")
    if os.path.isabs(name):
        name = next((name[len(f) :] for f in _beginnings(folders) if name.startswith(f)), name)
    fault = fault_of(name)
    if fault:
        advice = ", which does not lie in the folder of the list" if os.path.isabs(name) else ""
        raise DataError(f"image {shown(name)} {fault}{advice}")
    for folder in folders:
        path = folder / name
        if path.is_file():
            return path
    raise DataError(f"image {shown(name)} is in none of {', '.join(map(str, folders))}")
