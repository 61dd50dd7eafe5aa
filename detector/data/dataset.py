"""A data set for training and evaluation, independent of its file format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from maenas.blocks.errors import MaenasError
from maenas.detector.data.labelled import Flags
from maenas.detector.data.samples import Sample, Samples

Severity = Literal["error", "warning"]
Group = Literal["files", "images", "labels", "balance"]


class DataError(MaenasError):
    """A data set cannot be used; the message names the file and the line or id."""


@dataclass(frozen=True, slots=True)
class DataProblem:
    """A problem of a data set.

    Attributes:
        severity: "error" if it stops a training, else "warning".
        group: topic of the problem.
        where: file, with the line or id.
        what: description as a sentence whose subject is `where`.
        fix: advice on how to fix it.
        skips: whether an image or a label is skipped because of it.
        image: path of the image whose labels it is about; "" for any other problem.
    """

    severity: Severity
    group: Group
    where: str
    what: str
    fix: str
    skips: bool = False
    image: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.fix}"


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One of the data sets that a union joins.

    Attributes:
        name: name of the data set.
        annotated: (classes,), whether every object of a class is labelled in its images.
    """

    name: str
    annotated: Flags


@dataclass(frozen=True)
class Dataset:
    """One split of a data set.

    Attributes:
        source: file or folder of the data set.
        samples: images in the file's order; those without labels are background.
        names: names of the classes, by index.
        category_ids: id of each class in the file, for results in COCO's form.
        problems: problems met while reading; unusable images and labels are not in `samples`.
        sources: data sets that `Samples.source_of` refers to; () if every class is annotated in
            every image.
    """

    source: Path
    samples: Sequence[Sample]
    names: tuple[str, ...]
    category_ids: tuple[int, ...]
    problems: tuple[DataProblem, ...] = field(default=(), repr=False)
    sources: tuple[Source, ...] = ()

    def __len__(self) -> int:
        return len(self.samples)

    @cached_property
    def columns(self) -> Samples:
        """The samples as columns (arrays)."""
        return self.samples if isinstance(self.samples, Samples) else Samples.of(self.samples)

    @cached_property
    def labelled(self) -> NDArray[np.int64]:
        """Indices of the samples with at least one object."""
        return np.flatnonzero(np.diff(self.columns.ends))

    def annotated(self, index: int) -> Flags | None:
        """(classes,): whether an image without labels of a class shows no object of it.

        None if every class is annotated in every image.
        """
        if not self.sources:
            return None
        known: Flags = self.sources[self.columns.source_of[index]].annotated.copy()
        known[self.columns.verified_in(index)] = True
        return known

    @property
    def objects(self) -> int:
        """Number of objects, including crowds."""
        return len(self.columns.labels)

    @property
    def left_out(self) -> int:
        """Number of images that are not among the samples, because they cannot be used."""
        return sum(each.skips and each.group == "images" for each in self.problems)

    def counts(self) -> NDArray[np.int64]:
        """(classes,): number of objects of each class, without crowds."""
        columns = self.columns
        return np.bincount(columns.labels[~columns.crowd], minlength=len(self.names))

    def require_objects(self, split: str = "") -> None:
        """Raise `DataError` unless there is an object to learn; `split` is for the message."""
        if not self.columns.crowd.all():
            return
        self.require_images(split)
        where, first = self._where(split), self._first_skipped()
        cause = f"; such as {first}" if first else "; are the label files where they belong?"
        raise DataError(f"{where}: none of {len(self)} images has an object{cause}")

    def require_images(self, split: str = "") -> None:
        """Raise `DataError` unless there is an image; `split` is for the message."""
        if not self.samples:
            first = self._first_skipped()
            cause = f" that can be used, such as {first}" if first else "; check its paths."
            raise DataError(f"{self._where(split)}: holds no image{cause}")

    def _where(self, split: str) -> str:
        return f"{self.source}: {split}" if split else str(self.source)

    def _first_skipped(self) -> DataProblem | None:
        """The first problem by which an image or a label is skipped."""
        return next((problem for problem in self.problems if problem.skips), None)


def same_classes(first: Dataset, second: Dataset) -> None:
    """Raise `DataError` unless two splits have the same classes in the same order."""
    if first.names != second.names:
        raise DataError(
            f"{second.source}: classes {_listed(second.names)} are not those of {first.source} "
            f"({_listed(first.names)}); both splits need the same in the same order."
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
