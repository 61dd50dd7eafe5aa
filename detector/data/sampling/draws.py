"""The images of an epoch, drawn by a law."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

from maenas.detector.data.dataset import Dataset
from maenas.detector.data.sampling.balance import balanced
from maenas.detector.data.sampling.classes import Indices, image_classes
from maenas.detector.data.sampling.law import sampling_law
from maenas.detector.data.sampling.options import SamplingOptions

GOLDEN = 0.6180339887498949  # successive multiples, modulo 1, are spread most evenly
ORDER, FIRST, VISITS = 0, 3, 4  # random streams; the loader has 1 and 2


@dataclass(frozen=True, slots=True)
class Draws:
    """The images of an epoch, in the order in which they are drawn.

    Attributes:
        images: (L,), index of each drawn image.
        copies: (L,), number of earlier draws of the same image in the epoch.
    """

    images: Indices
    copies: Indices

    def at(self, places: Indices) -> Draws:
        """The draws at these places."""
        return Draws(self.images[places], self.copies[places])


class EpochSampler:
    """Draws the images of each epoch; a draw depends on seed and epoch alone.

    The points that round an image's draws move by the golden ratio from epoch to epoch, so that
    an image of 0.1 expected draws comes about once in every ten epochs.

    Args:
        dataset: data set to draw from.
        options: settings of the sampling.
        seed: random seed.
    """

    def __init__(self, dataset: Dataset, options: SamplingOptions, seed: int) -> None:
        held = image_classes(dataset)
        self.law = sampling_law(dataset, options, held)
        self._seed = seed
        self._held = held
        self._first = default_rng((seed, FIRST)).random(len(dataset))

    def counts(self, epoch: int) -> Indices:
        """(I,): number of draws of each image in an epoch."""
        points = (self._first + epoch * GOLDEN) % 1.0
        order = default_rng((self._seed, VISITS, epoch)).permutation(len(points))
        return balanced(self.law, self._held, points, order)

    def draws(self, epoch: int) -> Draws:
        """The images of an epoch in random order."""
        listed = np.repeat(np.arange(len(self._first)), self.counts(epoch))
        images = default_rng((self._seed, ORDER, epoch)).permutation(listed)
        return Draws(images, copies_of(images))


def copies_of(images: NDArray[np.int64]) -> Indices:
    """(L,): number of earlier places with the same image."""
    order = np.argsort(images, kind="stable")
    listed = images[order]
    starts = np.flatnonzero(np.diff(listed, prepend=-1))
    copies = np.empty(len(images), dtype=np.int64)
    copies[order] = np.arange(len(images)) - np.repeat(starts, np.diff(starts, append=len(images)))
    return copies
