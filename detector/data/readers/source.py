"""Source of a data set as the user names it, and the interface of its reader."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from maenas.detector.data.dataset import Dataset

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
