"""Images that a training can use, the only ones that are written."""

from __future__ import annotations

from collections.abc import Callable

from maenas.detector.data.check_images import image_problems, without_images
from maenas.detector.data.dataset import Dataset


def with_usable_images(
    dataset: Dataset, split: str, done: Callable[[], object] = lambda: None
) -> Dataset:
    """A split without the images that are damaged, or of another size than their annotations say.

    Every image is decoded: a file that was cut short has a header like any other. Shares of the
    image would be computed by a wrong size. A training skips these images with the same problems.

    Args:
        dataset: split of a data set.
        split: name of the split, for the message.
        done: function called after every image that was read.
    Raises:
        DataError: if no image is left.
    """
    columns = dataset.columns
    found = dict(image_problems(columns, range(len(columns)), done))
    usable = without_images(dataset, found)
    if found:
        usable.require_images(split)
    return usable
