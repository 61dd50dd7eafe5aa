"""What a writer of data sets is given and returns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from maenas.detector.data.dataset import Dataset
from maenas.detector.data.samples import Sample


@dataclass(frozen=True, slots=True)
class Part:
    """A split to write.

    Attributes:
        dataset: the images and labels.
        files: name of the image file of each sample in the written data set.
    """

    dataset: Dataset
    files: Sequence[str]

    def images(self) -> Iterator[tuple[str, Sample]]:
        """Each sample with the name of its image file."""
        return zip(self.files, self.dataset.samples, strict=True)


@dataclass(slots=True)
class LeftOut:
    """Labels that a format cannot state.

    Attributes:
        counts: number of labels by what they are.
    """

    counts: Counter[str] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        """One line for each kind."""
        return [f"{count:,} {what}" for what, count in self.counts.items()]


class Writer(Protocol):
    """Writer of one format."""

    @property
    def name(self) -> str:
        """Name of the format."""

    def class_names(self, names: Sequence[str]) -> tuple[str, ...]:
        """Names of the classes as the format states them.

        Raises:
            DataError: if the format cannot tell two of them apart.
        """

    def image_folder(self, split: str) -> Path:
        """Folder of the images of a split, relative to the data set."""

    def write(self, folder: Path, parts: Mapping[str, Part]) -> LeftOut:
        """Write labels and `data.yaml`, which comes last; the images are there.

        Args:
            folder: folder of the data set.
            parts: splits by name.
        Returns:
            Labels that the format cannot state.
        Raises:
            MaenasError: if a file cannot be written.
        """
