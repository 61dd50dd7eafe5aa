"""Which classes each image holds, without repetition: what frequencies are counted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maenas.detector.data.dataset import Dataset

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ImageClasses:
    """Pairs of an image and a class that it holds, in the order of the images.

    Attributes:
        image: (P,), index of the image.
        label: (P,), index of the class.
        classes: number of classes of the data set.
    """

    image: Indices
    label: Indices
    classes: int

    def totals(self, per_image: Numbers) -> Numbers:
        """(classes,): sum over the images that hold a class; `per_image` has one value each."""
        each = per_image[self.image]
        totals = np.bincount(self.label, weights=each, minlength=self.classes)
        return totals.astype(np.float64)


def image_classes(dataset: Dataset) -> ImageClasses:
    """The classes of each image; regions to ignore do not count."""
    columns, classes = dataset.columns, len(dataset.names)
    image = np.repeat(np.arange(len(columns)), np.diff(columns.ends))
    learned = ~columns.crowd
    pairs = np.unique(image[learned] * classes + columns.labels[learned])
    return ImageClasses(pairs // classes, pairs % classes, classes)
