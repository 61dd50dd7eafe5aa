"""The law by which images are drawn, in closed form.

Sources: p(source) ~ n^a, the polynomial smoothing of multilingual and multi-dataset training.
Inside a source: an image weighs as much as its rarest class, max(1, sqrt(t / f)), where f is the
share of the source's images that hold the class, as in LVIS (Gupta et al., 2019,
https://arxiv.org/abs/1908.03195, section 3.3), here with a cap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maenas.detector.data.dataset import Dataset
from maenas.detector.data.sampling.classes import ImageClasses, Numbers, image_classes
from maenas.detector.data.sampling.options import SamplingOptions


@dataclass(frozen=True, slots=True)
class SamplingLaw:
    """How often each image is drawn in an epoch, on average over epochs.

    Attributes:
        expected: (I,), expected number of draws of each image in an epoch.
        weights: (I,), weight of each image inside its source.
        source_of: (I,), index of each image's source.
        shares: (S,), probability that a draw is from each source.
        length: number of images drawn in an epoch.
    """

    expected: Numbers
    weights: Numbers
    source_of: NDArray[np.int64]
    shares: Numbers
    length: int


def sampling_law(
    dataset: Dataset, options: SamplingOptions, held: ImageClasses | None = None
) -> SamplingLaw:
    """The law of a data set.

    Args:
        dataset: data set to draw from.
        options: settings of the sampling.
        held: classes of each image, where they are known already.
    """
    source_of = sources_of(dataset)
    weights = np.ones(len(source_of))
    if options.class_aware is not False:
        weights = image_weights(
            image_classes(dataset) if held is None else held,
            source_of,
            None if options.class_aware is True else options.class_aware,
            options.cap,
        )
    shares = source_shares(np.bincount(source_of), options.power)
    length = options.epoch_length(len(source_of))
    in_source = np.bincount(source_of, weights=weights)
    expected = weights * (length * shares / np.maximum(in_source, 1e-300))[source_of]
    return SamplingLaw(expected, weights, source_of, shares, length)


def source_shares(images: NDArray[np.int64], power: float) -> Numbers:
    """(S,): probability of each source from its number of images; 0 for a source without any."""
    smoothed = np.array([float(count) ** power if count else 0.0 for count in images.tolist()])
    shares: Numbers = smoothed / smoothed.sum()
    return shares


def image_weights(
    held: ImageClasses, source_of: NDArray[np.int64], threshold: float | None, cap: float
) -> Numbers:
    """(I,): repeat factor of each image, that of its rarest class; 1 for background.

    Args:
        held: classes of each image.
        source_of: (I,), index of each image's source.
        threshold: share of the images below which a class is rare; None for the median of the
            source's classes.
        cap: largest factor.
    """
    weights = np.ones(len(source_of))
    if not len(held.image):
        return weights
    frequencies = class_frequencies(held, source_of)
    rare = np.full((len(frequencies), 1), threshold or 0.0)
    if threshold is None:
        for source, row in enumerate(frequencies):
            rare[source] = np.median(row[row > 0]) if row.any() else 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = np.where(frequencies > 0, np.sqrt(rare / frequencies), 1.0)
    per_pair = np.clip(factors, 1.0, cap)[source_of[held.image], held.label]
    first = np.flatnonzero(np.diff(held.image, prepend=-1))  # first pair of each image
    weights[held.image[first]] = np.maximum.reduceat(per_pair, first)
    return weights


def class_frequencies(held: ImageClasses, source_of: NDArray[np.int64]) -> Numbers:
    """(S, classes): share of a source's images that hold each class."""
    images = np.bincount(source_of)
    codes = source_of[held.image] * held.classes + held.label
    counts = np.bincount(codes, minlength=len(images) * held.classes)
    frequencies: Numbers = counts.reshape(len(images), -1) / np.maximum(images, 1)[:, None]
    return frequencies


def sources_of(dataset: Dataset) -> NDArray[np.int64]:
    """(I,): index of each image's source."""
    return dataset.columns.source_of.astype(np.int64)
