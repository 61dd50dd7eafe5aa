"""A data set as training and evaluation see it, whatever the files it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from maenas.blocks.errors import MaenasError
from maenas.detector.arrays import Floats
from maenas.detector.data.labelled import Flags, Labels, Outline

Severity = Literal["error", "warning"]
Group = Literal["files", "images", "labels", "balance"]


class DataError(MaenasError):
    """A data set cannot be used; the message names the file and the line or id."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about a data set that its owner should know.

    Attributes:
        severity: "error" if labels or images are lost or wrong, "warning" if all can be used.
        group: what it is about.
        where: the file, with its line or id.
        what: is wrong.
        fix: what to do about it.
    """

    severity: Severity
    group: Group
    where: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.fix}"


@dataclass(frozen=True, slots=True)
class Sample:
    """An image and its labels, clean: clipped, finite, within the classes, without doubles.

    Attributes:
        path: of the image.
        size: its (height, width), upright.
        boxes: (N, 4) as (x1, y1, x2, y2) in pixels of the image.
        labels: (N,), indices of `Dataset.names`.
        crowd: (N,), whether a box is a region to ignore.
        areas: (N,) in square pixels; of the object's mask where the file knows it.
        outlines: of each object; () where no object has one.
        image_id: the file's own, or its place.
    """

    path: Path
    size: tuple[int, int]
    boxes: Floats
    labels: Labels
    crowd: Flags
    areas: Floats
    outlines: tuple[Outline, ...]
    image_id: int


@dataclass(frozen=True)
class Dataset:
    """One split of a data set.

    Attributes:
        source: the file it was read from.
        samples: the images in the file's order; those without labels are background.
        names: of the classes, by index.
        category_ids: the file's number of each class, for results in COCO's form.
        problems: found while reading; what could not be used is not in the samples.
    """

    source: Path
    samples: tuple[Sample, ...]
    names: tuple[str, ...]
    category_ids: tuple[int, ...]
    problems: tuple[Problem, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.samples)

    @cached_property
    def labelled(self) -> NDArray[np.int64]:
        """Indices of the samples that hold an object."""
        held = [index for index, sample in enumerate(self.samples) if len(sample.labels)]
        return np.array(held, dtype=np.int64)

    @property
    def objects(self) -> int:
        """How many there are, crowds among them."""
        return sum(len(sample.labels) for sample in self.samples)

    def require_objects(self, split: str = "") -> None:
        """Raise `DataError` unless there is something to learn; `split` is for its message."""
        where = f"{self.source}: {split}" if split else str(self.source)
        if any(not sample.crowd.all() for sample in self.samples):
            return
        first = next((problem for problem in self.problems if problem.severity == "error"), None)
        if not self.samples:
            cause = f" that can be used, such as {first}" if first else "; check its paths."
            raise DataError(f"{where}: holds no image{cause}")
        cause = f"; such as {first}" if first else "; are the label files where they belong?"
        raise DataError(f"{where}: none of {len(self)} images has an object{cause}")


def same_classes(first: Dataset, second: Dataset) -> None:
    """Raise `DataError` unless two splits number the same classes alike."""
    if first.names != second.names:
        raise DataError(
            f"{second.source}: classes {_listed(second.names)} are not those of {first.source} "
            f"({_listed(first.names)}); both splits need the same in the same order."
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
