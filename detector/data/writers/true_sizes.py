"""Images whose files have the size that their labels are for; only those can be written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maenas.detector.data.check import image_problem
from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.samples import Samples, ragged
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
    problems = tuple(found.values())
    if len(found) == len(columns):
        raise DataError(
            f"{dataset.source}: {split}: holds no image that can be used, such as {problems[0]}."
        )
    kept = np.setdiff1d(np.arange(len(columns)), list(found))
    return replace(
        dataset, samples=_of_images(columns, kept), problems=(*dataset.problems, *problems)
    )


def _check_header(path: Path, size: tuple[int, int]) -> None:
    """Raise `ImageError` if the header of an image cannot be read, or gives another size."""
    with opened_image(path) as image:
        require_size(image, size, path)


def _of_images(columns: Samples, order: NDArray[np.int64]) -> Samples:
    """The images at these indices, with their objects."""
    names, name_ends = ragged(columns.name_ends, order)
    objects, ends = ragged(columns.ends, order)
    verified, verified_ends = columns.verified, columns.verified_ends
    if len(verified_ends):
        some, verified_ends = ragged(verified_ends, order)
        verified = verified[some]
    return Samples(
        columns.folders,
        columns.folder_of[order],
        columns.names[names],
        name_ends,
        columns.sizes[order],
        columns.image_ids[order],
        ends,
        columns.boxes[objects],
        columns.labels[objects],
        columns.crowd[objects],
        columns.areas[objects],
        columns.outlines.take(objects),
        columns.source_of[order],
        verified_ends,
        verified,
    )
