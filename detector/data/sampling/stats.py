"""How often each source and class of a data set is drawn, without and with a sampling."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maenas.detector.data.dataset import Dataset
from maenas.detector.data.paths import source_names
from maenas.detector.data.sampling.classes import Numbers, image_classes
from maenas.detector.data.sampling.law import sampling_law
from maenas.detector.data.sampling.options import SamplingOptions

SCHEMA = "maenas/data-stats@1"


@dataclass(frozen=True, slots=True)
class Frequency:
    """How often the images of a source, or those that hold a class, are drawn.

    Attributes:
        name: name of the source or class.
        images: number of its images.
        objects: number of its objects, without regions to ignore.
        share: share of these images among all images.
        drawn_share: share of these images among the draws of an epoch.
        epochs: mean number of times that each of its images is drawn in an epoch.
    """

    name: str
    images: int
    objects: int
    share: float
    drawn_share: float
    epochs: float


@dataclass(frozen=True, slots=True)
class DataStats:
    """How often the images of a data set are drawn.

    Attributes:
        source: data set as it was named.
        split: split of the data set.
        images: number of images.
        background: number of images without an object.
        drawn: number of images drawn in an epoch.
        sampling: settings of the sampling.
        sources: frequency of each source; one for a data set that joins none.
        classes: frequency of each class, in the order of the data set.
    """

    source: Path
    split: str
    images: int
    background: int
    drawn: int
    sampling: SamplingOptions
    sources: tuple[Frequency, ...]
    classes: tuple[Frequency, ...]

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        return {"schema": SCHEMA, **asdict(self), "source": str(self.source)}


def data_stats(dataset: Dataset, split: str, options: SamplingOptions, source: Path) -> DataStats:
    """How often the images of a split are drawn, in closed form.

    Args:
        dataset: images of the split.
        split: name of the split.
        options: settings of the sampling.
        source: data set as it was named.
    """
    held = image_classes(dataset)
    law = sampling_law(dataset, options, held)
    columns = dataset.columns
    learned = ~columns.crowd
    source_of_object = np.repeat(law.source_of, np.diff(columns.ends))[learned]
    names = tuple(each.name for each in dataset.sources) or tuple(source_names([source]))
    sources = frequencies(
        names,
        np.bincount(law.source_of, minlength=len(names)),
        np.bincount(source_of_object, minlength=len(names)),
        np.bincount(law.source_of, law.expected, len(names)).astype(np.float64),
        (len(dataset), law.length),
    )
    classes = frequencies(
        dataset.names,
        held.totals(np.ones(len(dataset))),
        dataset.counts(),
        held.totals(law.expected),
        (len(dataset), law.length),
    )
    background = len(dataset) - len(dataset.labelled)
    counts = (len(dataset), background, law.length)
    return DataStats(source, split, *counts, options, sources, classes)


def frequencies(
    names: tuple[str, ...],
    images: Any,
    objects: Any,
    expected: Numbers,
    totals: tuple[int, int],
) -> tuple[Frequency, ...]:
    """The frequency of each group of images.

    Args:
        names: name of each group.
        images: (G,), number of images of each group.
        objects: (G,), number of objects of each group.
        expected: (G,), expected draws of its images in an epoch.
        totals: number of images, and number of draws in an epoch.
    """
    all_images, all_draws = totals
    rows = zip(names, images.tolist(), objects.tolist(), expected.tolist(), strict=True)
    return tuple(
        Frequency(
            name,
            int(count),
            int(things),
            round(count / all_images, 9),
            round(draws / all_draws, 9),
            round(draws / count, 6) if count else 0.0,
        )
        for name, count, things, draws in rows
    )
