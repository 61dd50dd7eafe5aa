"""Images of a data set that a training skips: damaged, or of another size than their labels."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from maenas.detector.data.dataset import DataProblem
from maenas.detector.data.samples import Samples
from maenas.detector.data.sizes import size_of
from maenas.detector.media.images import ImageError, check_image

AHEAD = 32  # maximum number of queued images per thread


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
        what = str(error).removeprefix(f"{path}: ").rstrip(".")
        fix = "correct the size in the annotation file or replace the image"
        fix = fix if _has_other_size(path, size) else "replace it"
        return DataProblem("warning", "images", str(path), what, fix, skips=True)
    return None


def _has_other_size(path: Path, size: tuple[int, int]) -> bool:
    try:
        return size_of(path) != size
    except ImageError:
        return False
