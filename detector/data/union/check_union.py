"""Check of a union: numbers of each data set in it, and problems between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maenas.detector.data.dataset import DataProblem, Dataset


@dataclass(frozen=True, slots=True)
class SourceCounts:
    """Numbers of one data set of a union.

    Attributes:
        images: number of images that can be used.
        objects: number of objects, without crowds.
        crowds: number of regions to ignore.
        classes: number of objects of each class that the data set annotates or shows, by name.
    """

    images: int
    objects: int
    crowds: int
    classes: Mapping[str, int]


def source_counts(dataset: Dataset) -> dict[str, SourceCounts]:
    """Numbers of each data set of a union, by name; {} for any other data set."""
    if not any(source.name for source in dataset.sources):
        return {}  # one data set that annotates classes image by image
    columns, width = dataset.columns, len(dataset.names)
    of_object = np.repeat(columns.source_of, np.diff(columns.ends))
    verified_by_image = np.diff(columns.verified_ends)  # (0,) where no image has any
    of_verified = np.repeat(columns.source_of[: len(verified_by_image)], verified_by_image)
    found = {}
    for index, source in enumerate(dataset.sources):
        mine = of_object == index
        counts = np.bincount(columns.labels[mine & ~columns.crowd], minlength=width)
        there = source.annotated | (counts > 0)
        there[columns.verified[of_verified == index]] = True
        found[source.name] = SourceCounts(
            images=int((columns.source_of == index).sum()),
            objects=int(counts.sum()),
            crowds=int((mine & columns.crowd).sum()),
            classes={dataset.names[k]: int(counts[k]) for k in np.flatnonzero(there)},
        )
    return found


def check_sources(dataset: Dataset, split: str) -> list[DataProblem]:
    """Problems between the data sets of a union: shared images, and classes that none annotates."""
    if not dataset.sources:
        return []
    where = f"{dataset.source} ({split})"
    return [*_shared(dataset, where), *_never_annotated(dataset, where)]


def check_splits(path: Path, splits: Mapping[str, Dataset]) -> list[DataProblem]:
    """A problem for each data set of a union that lacks images to train on or to validate with."""
    sources = {split: [each.name for each in one.sources] for split, one in splits.items()}
    every = dict.fromkeys(name for names in sources.values() for name in names if name)
    use = {"train": "it is not trained on", "val": "what is learned from it is not evaluated"}
    return [
        DataProblem("warning", "files", f"{path}: sources.{name}", f"has no split {split}", fix)
        for split, fix in use.items()
        if split in sources
        for name in every
        if name not in sources[split]
    ]


def _shared(dataset: Dataset, where: str) -> list[DataProblem]:
    columns = dataset.columns
    first: dict[tuple[int, int], int] = {}  # links to one file are the same image
    shared = [
        path
        for index, path in enumerate(columns.paths())
        if (file := _file(path)) is not None
        and columns.source_of[first.setdefault(file, index)] != columns.source_of[index]
    ]
    if not shared:
        return []
    what = f"images that belong to two data sets: {len(shared)}, such as {shared[0]}"
    fix = "correct if each labels other classes; otherwise remove them from one"
    return [DataProblem("warning", "files", where, what, fix)]


def _file(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file; None if it was deleted since it was read."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _never_annotated(dataset: Dataset, where: str) -> list[DataProblem]:
    known = np.any([source.annotated for source in dataset.sources], axis=0)
    known[dataset.columns.verified] = True
    lost = [name for name, is_known in zip(dataset.names, known, strict=True) if not is_known]
    if not lost:
        return []
    what = f"classes that no data set annotates: {len(lost)}, such as {lost[0]!r}"
    fix = "they are not learned; add a data set that labels them"
    return [DataProblem("warning", "balance", where, what, fix)]
