"""Partners: the other images of a mosaic or a mixup.

A partner comes from the source of its image, so that what one of them leaves unannotated is
annotated by neither or by both, and inside the source by the law of the images themselves.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from maenas.detector.data.dataset import Dataset
from maenas.detector.data.sampling.classes import Indices, Numbers
from maenas.detector.data.sampling.draws import EpochSampler
from maenas.detector.data.sampling.law import sources_of


def partners_of(
    dataset: Dataset, within_batch: bool, sampler: EpochSampler | None
) -> Partners | None:
    """Drawer of partners.

    Args:
        dataset: data set to draw from.
        within_batch: whether partners are of the same batch; the result is None, and each batch
            has its `BatchPartners`.
        sampler: sampler of the images; None if every image is drawn once.
    """
    if within_batch:
        return None
    if sampler is not None:
        return SourcePartners(dataset, sampler.law.source_of, sampler.law.weights)
    if len(dataset.sources) > 1:
        return SourcePartners(dataset, sources_of(dataset), np.ones(len(dataset)))
    return AnyPartners(dataset)


class Partners(ABC):
    """Draws the partners of an image."""

    @abstractmethod
    def others(self, rng: Generator, index: int, count: int) -> list[int]:
        """Indices of `count` partners of the image at `index`."""

    @abstractmethod
    def labelled(self, rng: Generator, index: int) -> int | None:
        """Index of a partner that has objects; None if there is none."""


class AnyPartners(Partners):
    """Partners from the whole data set, each image equally often."""

    def __init__(self, dataset: Dataset) -> None:
        self._images = len(dataset)
        self._labelled = dataset.labelled

    def others(self, rng: Generator, index: int, count: int) -> list[int]:
        """See `Partners`."""
        drawn: list[int] = rng.choice(self._images, count).tolist()
        return drawn

    def labelled(self, rng: Generator, index: int) -> int | None:
        """See `Partners`."""
        return int(rng.choice(self._labelled)) if len(self._labelled) else None


class SourcePartners(Partners):
    """Partners from the source of an image, each in proportion to its weight.

    Args:
        dataset: data set to draw from.
        source_of: (I,), index of each image's source.
        weights: (I,), weight of each image inside its source.
    """

    def __init__(self, dataset: Dataset, source_of: NDArray[np.int64], weights: Numbers) -> None:
        self._source_of = source_of
        self._order = np.argsort(source_of, kind="stable")
        self._ends = np.append(0, np.cumsum(np.bincount(source_of)))
        has_objects = np.diff(dataset.columns.ends) > 0
        self._sums = np.append(0.0, np.cumsum(weights[self._order]))
        self._labelled_sums = np.append(0.0, np.cumsum((weights * has_objects)[self._order]))

    def others(self, rng: Generator, index: int, count: int) -> list[int]:
        """See `Partners`."""
        return self._drawn(rng, self._sums, index, count)

    def labelled(self, rng: Generator, index: int) -> int | None:
        """See `Partners`."""
        return next(iter(self._drawn(rng, self._labelled_sums, index, 1)), None)

    def _drawn(self, rng: Generator, sums: Numbers, index: int, count: int) -> list[int]:
        """Images of the source of `index`, by inversion of the sums of their weights."""
        source = int(self._source_of[index])
        first, last = self._ends[source : source + 2].tolist()
        low, high = float(sums[first]), float(sums[last])
        if low == high:
            return []
        points = np.minimum(low + (high - low) * rng.random(count), np.nextafter(high, low))
        places = np.searchsorted(sums[first : last + 1], points, side="right") - 1
        drawn: list[int] = self._order[first + places].tolist()
        return drawn


class BatchPartners(Partners):
    """Partners from the same batch, so that each image is read once.

    Args:
        dataset: data set that holds the images.
        batch: indices of the images of the batch.
    """

    def __init__(self, dataset: Dataset, batch: Sequence[int]) -> None:
        self._batch = np.array(batch, dtype=np.int64)
        self._labelled = np.intersect1d(self._batch, dataset.labelled)
        self._source_of = dataset.columns.source_of

    def others(self, rng: Generator, index: int, count: int) -> list[int]:
        """See `Partners`."""
        drawn: list[int] = rng.choice(self._of_source(self._batch, index), count).tolist()
        return drawn

    def labelled(self, rng: Generator, index: int) -> int | None:
        """See `Partners`."""
        images = self._of_source(self._labelled, index)
        return int(rng.choice(images)) if len(images) else None

    def _of_source(self, images: Indices, index: int) -> Indices:
        own: Indices = images[self._source_of[images] == self._source_of[index]]
        return own
