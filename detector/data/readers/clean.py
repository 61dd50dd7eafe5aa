"""Cleaning of labels: valid labels for training, and a problem for each invalid one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maenas.detector.arrays import Floats
from maenas.detector.data.dataset import Dataset
from maenas.detector.data.labelled import EVERY_CLASS, Flags, Labels
from maenas.detector.data.readers.rows import Numbers, ProblemList, Rows
from maenas.detector.data.samples import Outlines, Samples, columns_of_paths, ends_of

BLOCK = 1_000_000  # rows that are cleaned at a time, a tenth of a GB
OVERHANG = 0.01  # share of a side; rounding may move a box this far outside
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

    An image that loses all its labels is left out, since it would count as background.

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
    order = np.argsort(rows.image, kind="stable")
    parts = [
        _cleaned(rows.take(order[first:last]), shapes, names, problems)
        for first, last in _blocks(rows.image, order)
    ]
    left: NDArray[np.int64] = np.sum([part.left for part in parts], axis=0)
    lost = problems.images_that_lose_labels(len(paths)) & (left == 0)
    for image in np.flatnonzero(lost).tolist():
        what, fix = "none of its labels can be used, so it is left out", "correct its labels"
        problems.add(image, about(image), what, fix)
    stays = np.flatnonzero(~lost)
    columns = Samples(
        *columns_of_paths(paths[image] for image in stays.tolist()),
        shapes[stays],
        np.array(image_ids, dtype=np.int64)[stays],
        ends_of(left[stays]),
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.crowd for part in parts]),
        np.concatenate([part.areas for part in parts]),
        Outlines.joined([part.outlines for part in parts]),
    )
    return Dataset(source, columns, tuple(names), tuple(category_ids), problems.in_order())


@dataclass(frozen=True, slots=True)
class _Part:
    """Clean labels of some images.

    Attributes:
        left: (I,), number of labels of each image of the split; 0 for images of other parts.
        boxes: (N, 4), clipped boxes.
        labels: (N,), indices of the classes.
        crowd: (N,), whether a box is a region to ignore.
        areas: (N,), square pixels.
        outlines: outlines of the objects.
    """

    left: NDArray[np.int64]
    boxes: Floats
    labels: NDArray[np.int32]
    crowd: Flags
    areas: Floats
    outlines: Outlines


def _blocks(image: NDArray[np.int64], order: NDArray[np.int64]) -> list[tuple[int, int]]:
    """First and last + 1 of blocks of sorted rows; the rows of an image are in one block."""
    cuts = [0]
    while cuts[-1] < len(order):
        last = min(cuts[-1] + BLOCK, len(order))
        while last < len(order) and image[order[last]] == image[order[last - 1]]:
            last += 1
        cuts.append(last)
    return list(pairwise(cuts)) or [(0, 0)]


def _cleaned(rows: Rows, sizes: Sizes, names: Sequence[str], problems: ProblemList) -> _Part:
    """The labels of some images that can be used."""
    cut, kept = clean(rows, sizes, names, problems)
    sides = cut[kept, 2:] - cut[kept, :2]
    areas = rows.areas[kept]
    areas = np.where(np.isfinite(areas), areas, sides[:, 0] * sides[:, 1])
    return _Part(
        np.bincount(rows.image[kept], minlength=len(sizes)),
        np.ascontiguousarray(cut[kept], dtype=np.float32),
        rows.labels[kept].astype(np.int32),
        rows.crowd[kept],
        areas.astype(np.float32),
        rows.outlines.take(np.flatnonzero(kept)),
    )


def clean(
    rows: Rows, sizes: Sizes, names: Sequence[str], problems: ProblemList
) -> tuple[Numbers, Flags]:
    """Boxes (N, 4) clipped to the images, and (N,) whether each is valid.

    Args:
        rows: labels of all images.
        sizes: (I, 2) as (height, width) of the images.
        names: names of the classes.
        problems: list of problems; gets one entry for each label dropped or clipped.
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
    drop(outside, lambda r: f"lies outside {image_size(r)}", "delete it, or check its units")
    cut: Numbers = np.empty_like(boxes)
    beyond = np.zeros(len(boxes), dtype=bool)
    for column, side in enumerate((width, height, width, height)):  # a column at a time: memory
        np.clip(boxes[:, column], 0, side, out=cut[:, column])
        beyond |= np.abs(cut[:, column] - boxes[:, column]) > OVERHANG * np.maximum(width, height)
    was_cut = "reaches beyond {} and was cut"
    report(beyond, lambda row: was_cut.format(image_size(row)), "redraw it", skips=False)
    twice = _repeated(rows.image, rows.labels, cut, kept)
    drop(twice, "is there twice", "delete one of them", skips=False)
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
