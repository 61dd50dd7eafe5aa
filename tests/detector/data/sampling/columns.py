"""Data sets in columns that need no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from maenas.detector.data.dataset import Dataset, Source
from maenas.detector.data.samples import Sample, Samples


def dataset_of_classes(
    images: Sequence[Sequence[int]],
    classes: int,
    crowd: Sequence[bool] | None = None,
    sources: Sequence[int] | None = None,
) -> Dataset:
    """A data set whose images hold objects of these classes.

    Args:
        images: class of each object, by image.
        classes: number of classes.
        crowd: whether each object is a region to ignore; none is if None.
        sources: index of each image's source; None for one source.
    """
    flags = list(crowd or [False] * sum(map(len, images)))
    samples = []
    for number, labels in enumerate(images):
        count = len(labels)
        boxes = np.tile(np.array([1, 1, 5, 5], dtype=np.float32), (count, 1))
        samples.append(
            Sample(
                Path(f"images/{number}.png"),
                (8, 8),
                boxes,
                np.array(labels, dtype=np.int64),
                np.array(flags[:count], dtype=np.bool_),
                np.full(count, 16, dtype=np.float32),
                ((),) * count,
                number,
            )
        )
        flags = flags[count:]
    names = tuple(f"class {index}" for index in range(classes))
    columns = Samples.of(samples)
    named: tuple[Source, ...] = ()
    if sources is not None:
        columns = replace(columns, source_of=np.array(sources, dtype=np.int16))
        everything = np.ones(classes, dtype=np.bool_)
        named = tuple(Source(f"set {index}", everything) for index in range(max(sources) + 1))
    return Dataset(Path("set.json"), columns, names, tuple(range(classes)), sources=named)
