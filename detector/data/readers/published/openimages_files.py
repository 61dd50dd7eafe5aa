"""Files of OpenImages: where they lie, and their rows."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from maenas.blocks.files.boundary import parsing
from maenas.blocks.files.plain_file import MIB, open_file
from maenas.blocks.files.suffixes import suffix_of
from maenas.blocks.files.words import did_you_mean
from maenas.detector.data.dataset import DataError
from maenas.detector.data.readers.source import SPLITS
from maenas.detector.media.visible import visible_files

LIMIT = 8192 * MIB
FOLDERS = (".", "annotations", "labels", "csv_folder", "metadata")
WORDS = {"train": ("train",), "val": ("validation", "val"), "test": ("test",)}
BOXES = ("bbox", ".csv")
PUBLISHED = "annotations-bbox"
IMAGE_LABELS = ("human-imagelabels", ".csv")
CLASSES = ("class", "description", ".csv")
HIERARCHY = ("hierarchy", ".json")
PREFERRED = ("boxable", "500", "600")  # in names of files of the classes that have boxes


@dataclass(frozen=True, slots=True)
class OpenImagesFiles:
    """The published files of one folder.

    Attributes:
        classes: file with the id and the name of each class; None without one.
        hierarchy: file with the classes below each class; None without one.
        boxes: file with the boxes of each split.
        image_labels: file with the labels of whole images of each split, checked by people.
    """

    classes: Path | None
    hierarchy: Path | None
    boxes: dict[str, Path]
    image_labels: dict[str, Path]


def find_openimages(folder: Path) -> OpenImagesFiles | None:
    """The files of OpenImages in a folder; None unless boxes are there, as they are published.

    Boxes whose file lies beside no classes count if its name is the published one.
    """
    files = [
        path
        for name in FOLDERS
        if (folder / name).is_dir()
        for path in sorted(visible_files(folder / name), key=_has_capitals)
        if suffix_of(path) in (".csv", ".json")
    ]
    classes, hierarchy = _first(files, CLASSES), _first(files, HIERARCHY)
    boxes = {split: path for split in SPLITS if (path := _of(files, split, BOXES))}
    published = [path for path in boxes.values() if PUBLISHED in path.name]
    if not boxes or (classes is None and not published):
        return None
    labels = {split: path for split in SPLITS if (path := _of(files, split, IMAGE_LABELS))}
    return OpenImagesFiles(classes, hierarchy, boxes, labels)


def _has_capitals(path: Path) -> bool:
    """Whether the suffix of a file has capitals; the usual ones come first."""
    return path.suffix != suffix_of(path)


def _of(files: Sequence[Path], split: str, words: Sequence[str]) -> Path | None:
    """The file of a split: its name has one of the split's words between others."""
    for word in WORDS[split]:
        own = [path for path in files if word in path.stem.lower().replace("_", "-").split("-")]
        found = _first(own, words)
        if found is not None:
            return found
    return None


def _first(files: Sequence[Path], words: Sequence[str]) -> Path | None:
    """The first file whose name has these words; one of the classes with boxes is preferred."""
    found = [path for path in files if all(word in path.name.lower() for word in words)]
    preferred = [path for path in found if any(word in path.name for word in PREFERRED)]
    return next(iter([*preferred, *found]), None)


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Line and values of some columns of each row; empty lines are skipped.

    Raises:
        DataError: if the file cannot be read, a column is missing, or a row is too short.
    """
    with (
        open_file(path, limit=LIMIT, error=DataError) as file,
        parsing(path, error=DataError, wrong="is no CSV"),
    ):
        rows = csv.reader(TextIOWrapper(file, "utf-8-sig", newline=""))
        header = [each.strip() for each in next(rows, [])]
        for name in columns:
            if name not in header:
                raise DataError(
                    f"{path}: lacks the column {name}{did_you_mean(name, header) or '.'}"
                )
        places = [header.index(name) for name in columns]
        for row in rows:
            if not row:
                continue
            if len(row) <= max(places):
                raise DataError(
                    f"{path}:{rows.line_num}: has {len(row)} fields, the header has {len(header)}."
                )
            yield rows.line_num, tuple(row[place] for place in places)


def read_classes(path: Path) -> dict[str, str]:
    """Names of the classes by id, such as /m/0cmf2; with or without a header.

    Raises:
        DataError: if the file cannot be read, or a class is listed twice.
    """
    found: dict[str, str] = {}
    with (
        open_file(path, limit=LIMIT, error=DataError) as file,
        parsing(path, error=DataError, wrong="is no CSV"),
    ):
        rows = csv.reader(TextIOWrapper(file, "utf-8-sig", newline=""))
        for row in rows:
            if not row or row[0].strip() == "LabelName":
                continue
            if len(row) < 2 or not row[0].strip() or not row[1].strip():
                raise DataError(
                    f"{path}:{rows.line_num}: must be `id,name`, got {len(row)} fields."
                )
            key = row[0].strip()
            if key in found:
                raise DataError(f"{path}:{rows.line_num}: class {key} is listed twice.")
            found[key] = row[1].strip()
    if not found:
        raise DataError(f"{path}: lists no class.")
    return _distinct(found)


def _distinct(names: dict[str, str]) -> dict[str, str]:
    """Names by id; a name of several classes gets their ids behind it."""
    counts: dict[str, int] = {}
    for name in names.values():
        counts[name] = counts.get(name, 0) + 1
    return {key: name if counts[name] == 1 else f"{name} ({key})" for key, name in names.items()}
