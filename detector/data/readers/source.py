"""What a user names as a data set, and the contract of what reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from maenas.detector.data.dataset import Dataset

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class DataSource:
    """A file or folder, and the keys of its `data.yaml`.

    Attributes:
        path: the `data.yaml`, or what was named where there is none.
        folder: folder that holds the data set.
        keys: keys of the `data.yaml`; {} without one.
    """

    path: Path
    folder: Path
    keys: Mapping[str, Any] = field(default_factory=dict)

    def entries(self, split: str) -> list[str]:
        """Texts that a `data.yaml` gives for a split."""
        given = self.keys.get(split)
        listed = given if isinstance(given, list) else [given]
        return [entry for entry in listed if isinstance(entry, str)]


class Reader(Protocol):
    """Reads data sets of one format."""

    name: ClassVar[str]
    looks_like: ClassVar[str]  # the end of "it must be"

    def recognises(self, source: DataSource) -> bool:
        """Whether what lies there is of this format; nothing of it is read as a whole."""

    def splits(self, source: DataSource) -> tuple[str, ...]:
        """The splits that there are, in the order of `SPLITS`.

        Raises:
            DataError: if they cannot be told.
        """

    def read(self, source: DataSource, split: str) -> Dataset:
        """One split; wrong labels are among its problems.

        Raises:
            DataError: if a file is missing or cannot be understood.
        """
