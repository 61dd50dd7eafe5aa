"""Images of several data sets joined, with the classes of their union."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from maenas.detector.data.dataset import Dataset, Source
from maenas.detector.data.labelled import EVERY_CLASS, Flags
from maenas.detector.data.samples import Samples, ends_of
from maenas.detector.data.union.class_map import Indices


def mapped(
    dataset: Dataset, name: str, targets: Sequence[Indices], names: Sequence[str]
) -> Dataset:
    """A data set with the classes of a union.

    An object without a target becomes a region to ignore in every class, and an object with
    several a region to ignore in each of them. A class is annotated if all classes of the data set
    that become it are.

    Args:
        dataset: split of a data set.
        name: name of the data set in the union.
        targets: indices in `names` of the targets of each class of the data set.
        names: classes of the union.
    """
    sources = dataset.sources or (Source("", np.ones(len(dataset.names), dtype=np.bool_)),)
    known = [_annotated(each.annotated, targets, len(names)) for each in sources]
    columns = _verified(relabelled(dataset.columns, targets), sources, targets, len(names))
    return replace(
        dataset,
        samples=columns,
        names=tuple(names),
        category_ids=tuple(range(len(names))),
        sources=tuple(
            Source(f"{name}/{source.name}" if source.name else name, annotated)
            for source, annotated in zip(sources, known, strict=True)
        ),
    )


def joined(first: Dataset, parts: Sequence[Dataset]) -> Dataset:
    """One data set of the images of several, which are numbered from 0; their classes are equal.

    Args:
        first: data set that gives path and classes.
        parts: data sets with at least one source each.
    """
    starts = np.cumsum([0, *(len(part.sources) for part in parts)]).tolist()
    columns = Samples.joined(
        [
            replace(part.columns, source_of=part.columns.source_of + np.int16(start))
            for start, part in zip(starts, parts, strict=False)
        ]
    )
    return Dataset(
        first.source,
        replace(columns, image_ids=np.arange(len(columns), dtype=np.int64)),
        first.names,
        first.category_ids,
        tuple(problem for part in parts for problem in part.problems),
        tuple(source for part in parts for source in part.sources),
    )


def _annotated(known: Flags, targets: Sequence[Indices], count: int) -> Flags:
    """(count,): whether a class of the union is annotated where `known` classes are."""
    some, every = np.zeros(count, dtype=np.bool_), np.ones(count, dtype=np.bool_)
    for own, each in enumerate(targets):
        if len(each) == 1:
            some[each[0]] = True
            every[each[0]] &= known[own]
    return some & every


def relabelled(
    columns: Samples, targets: Sequence[Indices], everywhere: Indices = (EVERY_CLASS,)
) -> Samples:
    """Columns whose objects have the targets of their classes.

    Args:
        columns: images and their objects.
        targets: targets of each class; an object with none or several becomes a region to ignore.
        everywhere: classes of a region to ignore in every class.
    """
    padded = [each or everywhere for each in targets] + [everywhere]  # label -1 is last
    counts = np.array([len(each) for each in padded], dtype=np.int64)
    flat = np.array([target for each in padded for target in each], dtype=np.int32)
    certain = np.array([len(each) == 1 for each in targets] + [False])
    copies = counts[columns.labels]
    rows = np.repeat(np.arange(len(columns.labels)), copies)
    nth = np.arange(len(rows)) - np.repeat(ends_of(copies)[:-1], copies)
    first = ends_of(counts)[:-1]
    labels = columns.labels[rows]
    return replace(
        columns,
        ends=ends_of(copies)[columns.ends],
        boxes=columns.boxes[rows],
        labels=flat[first[labels] + nth],
        crowd=columns.crowd[rows] | ~certain[labels],
        areas=columns.areas[rows],
        outlines=columns.outlines.take(rows),
    )


def _verified(
    columns: Samples, sources: Sequence[Source], targets: Sequence[Indices], count: int
) -> Samples:
    """Columns whose verified classes are those of the union.

    A class is verified in an image if each class that becomes it is annotated or verified there.
    """
    if not len(columns.verified_ends):
        return columns
    target = np.array([each[0] if len(each) == 1 else -1 for each in targets], dtype=np.int64)
    missing = np.stack([_missing(source.annotated, target, count) for source in sources])
    image = np.repeat(np.arange(len(columns)), np.diff(columns.verified_ends))
    source = columns.source_of[image]
    annotated = np.stack([source.annotated for source in sources])
    own = columns.verified
    counted = (target[own] >= 0) & ~annotated[source, own]
    once = np.unique(image[counted] * len(targets) + own[counted])
    image, own = np.divmod(once, len(targets))
    pairs, found = np.unique(image * count + target[own], return_counts=True)
    image, becomes = np.divmod(pairs, count)
    complete = found == missing[columns.source_of[image], becomes]
    return replace(
        columns,
        verified_ends=ends_of(np.bincount(image[complete], minlength=len(columns))),
        verified=becomes[complete].astype(np.int32),
    )


def _missing(known: Flags, target: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """(count,): number of classes that become each class and are not annotated."""
    return np.bincount(target[(target >= 0) & ~known], minlength=count)
