"""Reading a data set in any supported format."""

from __future__ import annotations

import os
from contextvars import ContextVar
from pathlib import Path

from maenas.blocks.errors import SpecError
from maenas.blocks.files.suffixes import SuffixCases, is_yaml
from maenas.blocks.files.words import did_you_mean, shown
from maenas.blocks.files.yaml_file import read_mapping
from maenas.blocks.plugins.load import entry_points
from maenas.blocks.plugins.registry import add_named, derived
from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.index.read import indexed, indexed_names
from maenas.detector.data.paths import YAML_NAMES, root_of, with_usual_splits
from maenas.detector.data.readers.coco.reader import CocoReader
from maenas.detector.data.readers.csv_list import CsvReader
from maenas.detector.data.readers.published.objects365 import Objects365Reader
from maenas.detector.data.readers.published.openimages import OpenImagesReader
from maenas.detector.data.readers.published.visdrone import VisDroneReader
from maenas.detector.data.readers.refusal import fault_of_file, fault_of_folder
from maenas.detector.data.readers.source import SPLITS, DataSource, Reader
from maenas.detector.data.readers.voc import VocReader
from maenas.detector.data.readers.yolo.reader import YoloReader
from maenas.detector.data.union.reader import UnionReader

# The first reader that recognises the source reads it, unless `format` in data.yaml names one. The
# readers of plugins come first, since the last one takes every data.yaml.
READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        UnionReader(lambda path: opened(path), lambda *split: _kept(*split)),
        Objects365Reader(),
        OpenImagesReader(),
        VisDroneReader(),
        CocoReader(),
        CsvReader(),
        VocReader(),
        YoloReader(),
    )
}
OURS = tuple(READERS)
_from_files: ContextVar[bool] = ContextVar("from files", default=False)  # no index may be used


def read_dataset(path: Path, split: str = "train") -> Dataset:
    """Read one split of a data set, or open its index if it is a large one.

    Args:
        path: `data.yaml`, folder that holds one, or another source that a reader recognises, such
            as a COCO annotation file, which is a single split for any `split`.
        split: name of the split: train, val or test.
    Raises:
        DataError: if a file is missing or malformed; wrong labels do not raise, they are listed
            as problems.
    """
    return indexed(*opened(path), split)


def read_again(path: Path, split: str = "train") -> Dataset:
    """Read one split of a data set from its files, never from its index; see `read_dataset`."""
    reader, source = opened(path)
    token = _from_files.set(True)
    try:
        return reader.read(source, split)
    finally:
        _from_files.reset(token)


def _kept(reader: Reader, source: DataSource, split: str) -> Dataset:
    """A split of a data set in a union without an index, from the index of that data set."""
    if _from_files.get():
        return reader.read(source, split)
    return indexed(reader, source, split)


def names_of(path: Path) -> tuple[str, ...]:
    """Names of the classes of a data set, those of `read_dataset` for its training images.

    Labels are read only where the format lists the classes nowhere else.

    Raises:
        DataError: if a file is missing or malformed.
    """
    reader, source = opened(path)
    return indexed_names(reader, source, SPLITS[0]) or reader.names(source)


def splits_of(path: Path) -> tuple[str, ...]:
    """Names of the splits of a data set.

    Raises:
        DataError: if the file of the data set cannot be read.
    """
    reader, source = opened(path)
    return reader.splits(source)


def opened(path: Path) -> tuple[Reader, DataSource]:
    """The data set at a path and the reader for it.

    Raises:
        DataError: if there is none, or no reader recognises it.
    """
    try:
        source = open_source(path)
        return reader_of(source), source
    except OSError as error:  # a name that is too long, or a folder that may not be entered
        raise DataError(f"{path!s:.200}: cannot be read: {error.strerror or error}.") from None


def open_source(path: Path) -> DataSource:
    """Open the data set at a path, without reading its images or labels.

    Raises:
        DataError: if the path does not exist, or its `data.yaml` cannot be read.
    """
    if path.is_dir():
        files = _yaml_files(path)
        if not files:
            return DataSource(path, path)
        file = next((file for file in files if file.is_file()), files[0])  # or say what it is
        path = file
    if not is_yaml(path):
        if not path.exists():
            what = "file" if path.suffix else "file or folder"
            raise DataError(f"{path}: no such {what}.")
        return DataSource(path, path.parent)
    try:
        keys = read_mapping(path)
    except SpecError as error:
        raise DataError(str(error)) from None
    return DataSource(path, root_of(path, keys), with_usual_splits(keys))


def _yaml_files(folder: Path) -> list[Path]:
    """What may be the `data.yaml` of a folder: names as they are expected, or in another case."""
    usual = [folder / name for name in YAML_NAMES if os.path.lexists(folder / name)]
    if usual:
        return usual
    cases = SuffixCases(DataError)
    return [file for name in YAML_NAMES if os.path.lexists(file := cases.find(folder / name))]


def reader_of(source: DataSource) -> Reader:
    """The reader for a data set.

    Raises:
        DataError: if no reader recognises the data set, or `format` names no reader.
    """
    for found in entry_points("maenas.readers"):
        register_reader(found)
    name = source.keys.get("format")
    if READERS[UnionReader.name].recognises(source):
        name = UnionReader.name
    if name is not None:
        reader = READERS.get(name) if isinstance(name, str) else None
        if reader is None:
            hint = did_you_mean(str(name), tuple(READERS))
            raise DataError(f"{source.path}: format: is {shown(name)}{hint}")
        return reader
    reader = _recognising(source)
    if reader is not None:
        return reader
    forms = ", or a ".join(reader.looks_like for reader in READERS.values())
    if not source.path.is_dir():
        raise DataError(f"{source.path}: {fault_of_file(source.path, forms)}")
    if is_yaml(source.path):
        raise DataError(f"{source.path}: is a folder, not a file.")
    raise DataError(f"{source.path}: {fault_of_folder(source.path, forms, _is_data_set)}")


def _recognising(source: DataSource) -> Reader | None:
    """The first reader that recognises a source; None if none does."""
    return next((reader for reader in READERS.values() if reader.recognises(source)), None)


def _is_data_set(path: Path) -> bool:
    """Whether a reader recognises what is at a path."""
    try:
        return _recognising(open_source(path)) is not None
    except (DataError, OSError):
        return False


def register_reader(reader: object) -> None:
    """Register a reader class under the name of its format; it is asked before our own readers.

    Raises:
        SpecError: if it is no reader, or the name is taken.
    """
    kind = derived(reader, Reader, "reader")
    if not all(isinstance(getattr(kind, each, None), str) for each in ("name", "looks_like")):
        raise SpecError(f"plugin: reader {kind.__qualname__} needs a `name` and `looks_like`.")
    made = kind()
    add_named(READERS, made.name, made, "reader")
    ours = {name: READERS.pop(name) for name in (*READERS,) if name in OURS}
    READERS.update(ours)
