"""A data set in any format that there is a reader for."""

from __future__ import annotations

from pathlib import Path

from maenas.blocks.errors import SpecError
from maenas.blocks.files.words import did_you_mean, shown
from maenas.blocks.files.yaml_file import read_mapping
from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.paths import root_of
from maenas.detector.data.readers.coco import CocoReader
from maenas.detector.data.readers.source import DataSource, Reader
from maenas.detector.data.readers.voc import VocReader
from maenas.detector.data.readers.yolo import YoloReader

# The first that recognises what lies there reads it, unless `format` in data.yaml names another.
READERS: dict[str, Reader] = {
    reader.name: reader for reader in (CocoReader(), VocReader(), YoloReader())
}
YAML_SUFFIXES = frozenset((".yaml", ".yml"))
YAML_NAMES = ("data.yaml", "dataset.yaml", "data.yml")  # looked for in a folder


def read_dataset(path: Path, split: str = "train") -> Dataset:
    """One split of a data set.

    Args:
        path: a `data.yaml`, a folder that holds one, or what a reader recognises, such as a COCO
            annotation file, which is one split whatever it is called.
        split: train, val or test.
    Raises:
        DataError: if a file is missing or cannot be understood; wrong labels are no reason,
            they are among the problems.
    """
    source = open_source(path)
    return reader_of(source).read(source, split)


def splits_of(path: Path) -> tuple[str, ...]:
    """The splits of a data set.

    Raises:
        DataError: if its file cannot be read.
    """
    source = open_source(path)
    return reader_of(source).splits(source)


def open_source(path: Path) -> DataSource:
    """What a path names.

    Raises:
        DataError: if nothing is there, or its `data.yaml` cannot be read.
    """
    if path.is_dir():
        file = next((path / name for name in YAML_NAMES if (path / name).is_file()), None)
        if file is None:
            return DataSource(path, path)
        path = file
    if path.suffix not in YAML_SUFFIXES:
        if not path.exists():
            what = "file" if path.suffix else "file or folder"
            raise DataError(f"{path}: no such {what}.")
        return DataSource(path, path.parent)
    try:
        keys = read_mapping(path)
    except SpecError as error:
        raise DataError(str(error)) from None
    return DataSource(path, root_of(path, keys), keys)


def reader_of(source: DataSource) -> Reader:
    """The reader of a data set.

    Raises:
        DataError: if none recognises it, or `format` names none.
    """
    named = source.keys.get("format")
    if named is not None:
        reader = READERS.get(named) if isinstance(named, str) else None
        if reader is None:
            hint = did_you_mean(str(named), tuple(READERS))
            raise DataError(f"{source.path}: format: is {shown(named)}{hint}")
        return reader
    for reader in READERS.values():
        if reader.recognises(source):
            return reader
    forms = "; ".join(reader.looks_like for reader in READERS.values())
    if source.path.is_dir():
        raise DataError(f"{source.path}: holds no data.yaml, and is no {forms}.")
    raise DataError(f"{source.path}: must be a data.yaml, a folder with one, or a {forms}.")
