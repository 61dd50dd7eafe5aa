"""Cleaning of labels: valid labels for training, and a problem for each invalid one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maenas.detector.arrays import Floats
from maenas.detector.data.check_images import size_problem
from maenas.detector.data.dataset import Dataset
from maenas.detector.data.labelled import EVERY_CLASS, Flags, Labels
from maenas.detector.data.readers.rows import Numbers, ProblemList, Rows
from maenas.detector.data.samples import Outlines, Samples, columns_of_paths, ends_of

BLOCK = 1_000_000  # rows that are cleaned at a time, a tenth of a GB
OVERHANG = 0.01  # share of a side; rounding may move a box this far outside
WAS_CUT = "and was cut"
LEAST_OVERHANG = 1.0  # pixels; also in a small image
Sizes = NDArray[np.int32]  # (I, 2) as (height, width)


def dataset_of(
    source: Path,
    names: Sequence[str],
    category_ids: Sequence[int],
    paths: Sequence[Path],
    sizes: Sequence[tuple[int, int]],
    image_ids: Sequence[int],
    rows: Rows,
    problems: ProblemList,
    about: Callable[[int], str],
) -> Dataset:
    """A split with clean labels, without the images whose labels are all invalid.

    An image that loses all its labels is left out, since it would count as background. So is one
    with a label outside of it whose file has another size than its labels are for: that is the
    cause, and the boxes are not reported.

    Args:
        source: file of the data set.
        names: names of the classes.
        category_ids: id of each class in the file.
        paths: files of the images.
        sizes: (height, width) of each image.
        image_ids: id of each image.
        rows: labels of all images.
        problems: list of problems; gets one entry for each label dropped or clipped.
        about: function that names an image in messages.
    """
    shapes = np.array(sizes, dtype=np.int32).reshape(-1, 2)
    clean_rows = _CleanRows(len(rows.labels), len(paths))
    resized = _Resized(paths, sizes, problems)
    is_sorted = bool((rows.image[1:] >= rows.image[:-1]).all())
    order = None if is_sorted else np.argsort(rows.image, kind="stable")
    for first, last in _blocks(rows.image, order):
        some = np.arange(first, last) if order is None else order[first:last]
        clean_rows.add(rows.take(some), shapes, names, problems, resized)
    left = clean_rows.left
    lost = problems.images_that_lose_labels(len(paths)) & (left == 0) & ~resized.found
    for image in np.flatnonzero(lost).tolist():
        what, fix = "none of its labels can be used, so it is left out", "correct its labels"
        problems.add(image, about(image), what, fix, group="images")
    stays = np.flatnonzero(~lost & ~resized.found)
    columns = Samples(
        *columns_of_paths(paths[image] for image in stays.tolist()),
        shapes[stays],
        np.array(image_ids, dtype=np.int64)[stays],
        ends_of(left[stays]),
        *clean_rows.columns(),
        clean_rows.outlines(),
    )
    found = problems.in_order(paths)
    return Dataset(source, columns, tuple(names), tuple(category_ids), found)


def _blocks(image: NDArray[np.int64], order: NDArray[np.int64] | None) -> Iterator[tuple[int, int]]:
    """First and last + 1 of blocks of sorted rows; the rows of an image are in one block."""
    first, count = 0, len(image)
    while first < count:
        last = min(first + BLOCK, count)
        end = image[last - 1 if order is None else order[last - 1]]
        while last < count and image[last if order is None else order[last]] == end:
            last += 1
        yield first, last
        first = last


class _Resized:
    """Search for images of another size than their labels are for, by the headers of the files.

    Args:
        paths: files of the images.
        sizes: (height, width) that the labels of each image are for.
        problems: list of problems; gets one entry for each image that is found.

    Attributes:
        found: (I,), whether an image was looked at and has another size.
    """

    def __init__(
        self, paths: Sequence[Path], sizes: Sequence[tuple[int, int]], problems: ProblemList
    ) -> None:
        self.found: Flags = np.zeros(len(paths), dtype=np.bool_)
        self._paths, self._sizes, self._problems = paths, sizes, problems

    def look(self, images: Sequence[int]) -> None:
        """Look at images, each of which comes once."""
        for image in images:
            problem = size_problem(self._paths[image], self._sizes[image])
            if problem is not None:
                self.found[image] = True
                self._problems.add_size(image, problem)


class _CleanRows:
    """Collects the clean labels of a split; memory is taken once, for all of them.

    Args:
        most: maximum number of labels.
        images: number of images.

    Attributes:
        left: (I,), number of labels of each image.
    """

    def __init__(self, most: int, images: int) -> None:
        self.left: NDArray[np.int64] = np.zeros(images, dtype=np.int64)
        self._count = 0
        self._boxes = np.empty((most, 4), dtype=np.float32)
        self._labels = np.empty(most, dtype=np.int32)
        self._crowd = np.empty(most, dtype=np.bool_)
        self._areas = np.empty(most, dtype=np.float32)
        self._outlines: list[Outlines] = []

    def add(
        self,
        rows: Rows,
        sizes: Sizes,
        names: Sequence[str],
        problems: ProblemList,
        resized: _Resized,
    ) -> None:
        """Add the labels that can be used of some images."""
        cut, kept = clean(rows, sizes, names, problems, resized)
        sides, areas = cut[kept, 2:] - cut[kept, :2], rows.areas[kept]
        self.left += np.bincount(rows.image[kept], minlength=len(sizes))
        place = slice(self._count, self._count + len(sides))
        self._count = place.stop
        self._boxes[place] = cut[kept]
        self._labels[place] = rows.labels[kept]
        self._crowd[place] = rows.crowd[kept]
        self._areas[place] = np.where(np.isfinite(areas), areas, sides[:, 0] * sides[:, 1])
        has_points = len(rows.outlines.points) > 0
        own = rows.outlines.take(np.flatnonzero(kept)) if has_points else None
        self._outlines.append(own or Outlines.none(len(sides)))

    def columns(self) -> tuple[Floats, NDArray[np.int32], Flags, Floats]:
        """Boxes, labels, crowd flags and areas."""
        to = self._count
        return self._boxes[:to], self._labels[:to], self._crowd[:to], self._areas[:to]

    def outlines(self) -> Outlines:
        """Outlines of all objects."""
        if any(len(each.points) for each in self._outlines):
            return Outlines.joined(self._outlines)
        return Outlines.none(self._count)


def clean(
    rows: Rows, sizes: Sizes, names: Sequence[str], problems: ProblemList, resized: _Resized
) -> tuple[Numbers, Flags]:
    """Boxes (N, 4) clipped to the images, and (N,) whether each is valid.

    Args:
        rows: labels of all images.
        sizes: (I, 2) as (height, width) of the images.
        names: names of the classes.
        problems: list of problems; gets one entry for each label dropped or clipped.
        resized: search for images of another size, which lose their labels.
    """
    kept = np.ones(len(rows.labels), dtype=bool)

    def report(wrong: Any, what: str | Callable[[int], str], fix: str, skips: bool = True) -> None:
        for row in np.flatnonzero(wrong & kept).tolist():
            text = what if isinstance(what, str) else what(row)
            problems.add(int(rows.image[row]), rows.where(row), text, fix, skips)

    def drop(wrong: Any, what: Any, fix: str, skips: bool = True) -> None:
        report(wrong, what, fix, skips)
        kept[wrong] = False

    def image_size(row: int) -> str:
        height, width = sizes[rows.image[row]].tolist()
        return f"the image of {width}x{height}"

    drop(~np.isfinite(rows.boxes).all(1), "holds a number that is not finite", "correct the number")
    unknown = (rows.labels < 0) | (rows.labels >= len(names))
    unknown &= ~(rows.crowd & (rows.labels == EVERY_CLASS))
    known = f"there are {len(names)} classes, 0 to {len(names) - 1}; correct it or `names`"
    drop(unknown, lambda row: f"class {rows.labels[row]} does not exist", known)
    boxes = np.where(kept[:, None], rows.boxes, 0)
    x1, y1, x2, y2 = boxes.T
    drop((x2 <= x1) | (y2 <= y1), "has a width or height of zero or less", "delete or redraw it")
    height, width = sizes[rows.image].T.astype(np.float64)
    outside = (x2 <= 0) | (y2 <= 0) | (x1 >= width) | (y1 >= height)
    cut: Numbers = np.empty_like(boxes)
    beyond = np.zeros(len(boxes), dtype=bool)
    for column, side in enumerate((width, height, width, height)):  # a column at a time: memory
        np.clip(boxes[:, column], 0, side, out=cut[:, column])
        allowed = np.maximum(OVERHANG * side, LEAST_OVERHANG)
        beyond |= np.abs(cut[:, column] - boxes[:, column]) > allowed
    resized.look(np.unique(rows.image[(outside | beyond) & kept]).tolist())
    kept &= ~resized.found[rows.image]
    drop(outside, lambda r: f"lies outside {image_size(r)}", "delete it, or check its units")
    twice = _repeated(rows.image, rows.labels, cut, kept)
    drop(twice, "is there twice", "delete one of them")
    report(
        beyond, lambda row: f"reaches beyond {image_size(row)} {WAS_CUT}", "redraw it", skips=False
    )
    return cut, kept


def _repeated(image: Labels, labels: Labels, boxes: Numbers, kept: Flags) -> Flags:
    """(N,): whether an earlier label of the same image has the same box and class."""
    again = np.zeros(len(kept), dtype=bool)
    rows = np.flatnonzero(kept)
    columns = [image, labels, *(boxes[:, side] + 0.0 for side in range(4))]  # -0 becomes 0
    mixed = np.zeros(len(rows), dtype=np.uint64)
    for number, column in enumerate(columns):
        bits = column[rows].astype(np.float64).view(np.uint64)
        factor = 0x9E3779B97F4A7C15 * (2 * number + 3) % 2**64 | 1
        mixed += (bits ^ (bits >> np.uint64(29))) * np.uint64(factor)
    _, first, inverse = np.unique(mixed, return_index=True, return_inverse=True)
    earlier = first[inverse.reshape(-1)]
    some = np.flatnonzero(earlier != np.arange(len(rows)))
    one, other = rows[some], rows[earlier[some]]
    same = np.ones(len(some), dtype=bool)
    for column in columns:
        same &= column[one] == column[other]
    again[one[same]] = True
    return again
