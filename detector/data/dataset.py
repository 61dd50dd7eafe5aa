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
from maenas.detector.data.samples import Sample, Samples

Severity = Literal["error", "warning"]
Group = Literal["files", "images", "labels", "balance"]


class DataError(MaenasError):
    """A data set cannot be used; the message names the file and the line or id."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about a data set that its owner should know.

    Attributes:
        severity: "error" if labels or images are lost or wrong, "warning" if all can be used.
        group: topic of the problem.
        where: file, with its line or id.
        what: what is wrong, as a sentence whose subject is `where`.
        fix: what to do about it.
    """

    severity: Severity
    group: Group
    where: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.fix}"


@dataclass(frozen=True)
class Dataset:
    """One split of a data set.

    Attributes:
        source: file or folder that it was read from.
        samples: images in the file's order; those without labels are background.
        names: names of the classes, by index.
        category_ids: number of each class in the file, for results in COCO's form.
        problems: what was found while reading; what could not be used is not in the samples.
    """

    source: Path
    samples: Sequence[Sample]
    names: tuple[str, ...]
    category_ids: tuple[int, ...]
    problems: tuple[Problem, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.samples)

    @cached_property
    def columns(self) -> Samples:
        """The samples as arrays."""
        return self.samples if isinstance(self.samples, Samples) else Samples.of(self.samples)

    @cached_property
    def labelled(self) -> NDArray[np.int64]:
        """Indices of the samples that hold an object."""
        return np.flatnonzero(np.diff(self.columns.ends))

    @property
    def objects(self) -> int:
        """Number of objects, crowds among them."""
        return len(self.columns.labels)

    def counts(self) -> NDArray[np.int64]:
        """(classes,): number of objects of each class, crowds left out."""
        columns = self.columns
        return np.bincount(columns.labels[~columns.crowd], minlength=len(self.names))

    def require_objects(self, split: str = "") -> None:
        """Raise `DataError` unless there is something to learn; `split` is for its message."""
        where = f"{self.source}: {split}" if split else str(self.source)
        if not self.columns.crowd.all():
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
