"""Mapping of a detector's classes to the classes of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from maenas.blocks.files.words import did_you_mean
from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.predict.results import Objects

ABSENT = -1  # index of a class that the data set does not label


def match_classes(names: Sequence[str], dataset: Dataset) -> NDArray[np.int64]:
    """Index in the data set of each class of a detector; `ABSENT` for a class without one.

    Classes are matched by name, so a detector may know more than are labelled, in any order.

    Args:
        names: names of the detector's classes; () if they have none and are matched by index.
        dataset: data set with the labelled classes.
    Raises:
        DataError: if the detector does not know a class of the data set.
    """
    if not names or tuple(names) == dataset.names:
        return np.arange(len(dataset.names))
    for name in dataset.names:
        if name not in names:
            raise DataError(
                f"{dataset.source}: class {name!r} is none of the {len(names)} that the detector "
                f"knows{did_you_mean(name, names) or f' ({_some(names)}).'}"
            )
    index_of = {name: index for index, name in enumerate(dataset.names)}
    return np.array([index_of.get(name, ABSENT) for name in names])


def require_as_many(count: int, dataset: Dataset) -> None:
    """Raise `DataError` unless a detector without class names has as many classes as a data set."""
    if count != len(dataset.names):
        raise DataError(
            f"{dataset.source}: has {len(dataset.names)} classes, the detector has {count} without "
            "names, so nothing says which is which; list them as `names` in its detector.yaml."
        )


def renumber(found: Objects, index_of: NDArray[np.int64], dataset: Dataset) -> Objects:
    """Objects with the data set's class indices, without classes that it does not label.

    Raises:
        DataError: if a detector without class names predicts an index beyond the data set's.
    """
    if len(found) and found.classes.max() >= len(index_of):
        raise DataError(
            f"{dataset.source}: has {len(dataset.names)} classes, the detector found class "
            f"{found.classes.max()}; it was made for another data set."
        )
    classes = index_of[found.classes]
    kept = classes != ABSENT
    return replace(found, classes=classes, names=dataset.names).keep(kept)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", .." if len(names) > 5 else "")
