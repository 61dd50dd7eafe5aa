"""Images whose files have the size that their labels are for; only those can be written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from maenas.detector.data.check import image_problem
from maenas.detector.data.dataset import Dataset
from maenas.detector.media.images import opened_image, require_size


def with_true_sizes(dataset: Dataset, split: str) -> Dataset:
    """A split without the images that have another size than its annotations say.

    Shares of the image would be computed by the wrong size. A training skips these images with the
    same problems.

    Raises:
        DataError: if no image is left.
    """
    columns = dataset.columns
    found = {
        index: problem
        for index in range(len(columns))
        if (problem := image_problem(columns.path(index), columns.size(index), _check_header))
    }
    if not found:
        return dataset
    kept = np.setdiff1d(np.arange(len(columns)), list(found))
    problems = (*dataset.problems, *found.values())
    usable = replace(dataset, samples=columns.take(kept), problems=problems)
    usable.require_images(split)
    return usable


def _check_header(path: Path, size: tuple[int, int]) -> None:
    """Raise `ImageError` if the header of an image cannot be read, or gives another size."""
    with opened_image(path) as image:
        require_size(image, size, path)
