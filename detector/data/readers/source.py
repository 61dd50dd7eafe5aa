"""Source of a data set as the user names it, and the interface of its reader."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from maenas.blocks.files.suffixes import in_any_case, suffix_of
from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.paths import find_entries

SPLITS = ("train", "val", "test")
# Folders of the splits in an export of Roboflow.
ROBOFLOW_FOLDERS = {"train": ("train",), "val": ("valid", "val"), "test": ("test",)}


@dataclass(frozen=True, slots=True)
class DataSource:
    """A file or folder, and the keys of its `data.yaml`.

    Attributes:
        path: path of the `data.yaml`, or the named path if there is none.
        folder: folder that holds the data set.
        keys: keys of the `data.yaml`; {} without one.
    """

    path: Path
    folder: Path
    keys: Mapping[str, Any] = field(default_factory=dict)

    def entries(self, split: str) -> list[str]:
        """Paths of a split in the `data.yaml`, as text."""
        given = self.keys.get(split)
        listed = given if isinstance(given, list) else [given]
        return [entry for entry in listed if isinstance(entry, str)]


class Reader(ABC):
    """Reader of data sets in one format; made without arguments.

    Attributes:
        name: name of the format, also `format` in a `data.yaml`.
        looks_like: noun phrase for messages, such as "COCO .json file".
    """

    name: ClassVar[str]
    looks_like: ClassVar[str]

    @abstractmethod
    def recognises(self, source: DataSource) -> bool:
        """Whether the source has this format; called before any file is read in full."""

    @abstractmethod
    def splits(self, source: DataSource) -> tuple[str, ...]:
        """Names of the splits, in the order of `SPLITS`.

        Raises:
            DataError: if the splits cannot be determined.
        """

    def names(self, source: DataSource) -> tuple[str, ...]:
        """Names of the classes, those of `read`; formats that list them need not read labels.

        Raises:
            DataError: if a file is missing or malformed.
        """
        return self.read(source, SPLITS[0]).names

    def files(self, source: DataSource, split: str) -> tuple[Path, ...]:
        """Files that the labels of a split come from, if they are few; () if it has no index.

        A data set whose files are large is read once into an index, which is used until one of
        them changes, or an image comes to or goes from the folders of its images.
        """
        return ()

    @abstractmethod
    def read(self, source: DataSource, split: str) -> Dataset:
        """Read one split; wrong labels are listed in its problems.

        Raises:
            DataError: if a file is missing or malformed.
        """


class AnnotationFileReader(Reader):
    """Reader of data sets that have one annotation file, or several, for each split.

    The source is such a file, a `data.yaml` that names some, or an export of Roboflow with one in
    the folder of each split.

    Attributes:
        suffixes: suffixes of the annotation files in lower case, such as ".json"; found in any
            case.
        roboflow_file: name of the annotation file in an export of Roboflow.
    """

    suffixes: ClassVar[tuple[str, ...]]
    roboflow_file: ClassVar[str]

    def recognises(self, source: DataSource) -> bool:
        """Whether the source or one of its splits is an annotation file."""
        if suffix_of(source.path) in self.suffixes:
            return True
        if source.keys:
            entries = [entry for split in SPLITS for entry in source.entries(split)]
            return any(suffix_of(entry) in self.suffixes for entry in entries)
        return bool(self._exported(source))

    def splits(self, source: DataSource) -> tuple[str, ...]:
        """The named splits; a single file is called train."""
        if suffix_of(source.path) in self.suffixes:
            return ("train",)
        found = source.keys or self._exported(source)
        return tuple(split for split in SPLITS if found.get(split))

    def files_of(self, source: DataSource, split: str) -> tuple[list[Path], Path | None]:
        """The annotation files of a split, and a further folder with images.

        Raises:
            DataError: if there is no such split, or it names files of several kinds.
        """
        path = source.path
        if suffix_of(path) in self.suffixes:
            return [path], None
        if not source.keys:
            files = self._exported(source)
            if split not in files:
                raise DataError(f"{path}: has no split {split!r}, but {' and '.join(files)}.")
            return [files[split]], None
        entries, root = find_entries(path, source.keys, split)
        if any(suffix_of(entry) not in self.suffixes for entry in entries):
            kind = self.suffixes[0]
            raise DataError(f"{path}: {split}: names {kind} files and others; use one kind.")
        return entries, root

    def _exported(self, source: DataSource) -> dict[str, Path]:
        """The annotation file of each split in an export of Roboflow."""
        return {
            split: file
            for split, names in ROBOFLOW_FOLDERS.items()
            for name in names
            if (file := in_any_case(source.folder / name / self.roboflow_file, DataError)).is_file()
        }
