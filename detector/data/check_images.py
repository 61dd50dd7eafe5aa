"""Images of a data set that a training skips: damaged, or of another size than their labels."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from maenas.detector.data.dataset import DataProblem, Dataset
from maenas.detector.data.samples import Samples
from maenas.detector.media.images import ImageError, check_image, opened_image, require_size

AHEAD = 32  # maximum number of queued images per thread
FIX_OF_SIZE = "correct the size in the annotation file or replace the image"


def image_problems(
    columns: Samples, indices: Sequence[int], done: Callable[[], object]
) -> Iterator[tuple[int, DataProblem]]:
    """Index and problem of each image that cannot be used; every image is decoded.

    Args:
        columns: images with the sizes that their labels are for.
        indices: indices of the images that are read.
        done: function called after every image that was read.
    """
    for index, problem in _decoded(columns, indices):
        done()
        if problem is not None:
            yield index, problem


def without_images(dataset: Dataset, problems: Mapping[int, DataProblem]) -> Dataset:
    """A split without some images and without the problems of their labels.

    Args:
        dataset: split of a data set.
        problems: the problem of each image that is left out, by its index.
    """
    if not problems:
        return dataset
    columns = dataset.columns
    gone = {str(columns.path(index)) for index in problems}
    kept = np.setdiff1d(np.arange(len(columns)), list(problems))
    others = (each for each in dataset.problems if each.image not in gone)
    return replace(dataset, samples=columns.take(kept), problems=(*others, *problems.values()))


def size_problem(path: Path, size: tuple[int, int]) -> DataProblem | None:
    """The problem of an image whose header states another size than its labels are for.

    Args:
        path: path of the image.
        size: (height, width) that its labels are for.
    Returns:
        None if the size is the same, or the header cannot be read.
    """
    try:
        with opened_image(path) as image:
            try:
                require_size(image, size, path)
            except ImageError as error:
                return _problem_of(path, error, FIX_OF_SIZE)
    except ImageError:
        return None
    return None


def _decoded(columns: Samples, indices: Sequence[int]) -> Iterator[tuple[int, DataProblem | None]]:
    """Index and problem of each image in their order; threads decode several at once."""
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:  # decoding releases the GIL
        ahead: deque[tuple[int, Future[DataProblem | None]]] = deque()
        try:
            for index in indices:
                path, size = columns.path(index), columns.size(index)
                ahead.append((index, pool.submit(_problem, path, size)))
                if len(ahead) >= AHEAD * workers:
                    first, found = ahead.popleft()
                    yield first, found.result()
            for first, found in ahead:
                yield first, found.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _problem(path: Path, size: tuple[int, int]) -> DataProblem | None:
    """The problem of an image; None if it can be used.

    Args:
        path: path of the image.
        size: (height, width) that its labels are for.
    """
    try:
        check_image(path, size)
    except ImageError as error:
        return size_problem(path, size) or _problem_of(path, error, "replace it")
    return None


def _problem_of(path: Path, error: ImageError, fix: str) -> DataProblem:
    what = str(error).removeprefix(f"{path}: ").rstrip(".")
    return DataProblem("warning", "images", str(path), what, fix, skips=True)
