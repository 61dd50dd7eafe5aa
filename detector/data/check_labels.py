"""Likely label errors of a split: tiny boxes, duplicate boxes, rare classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from maenas.detector.data.dataset import DataProblem, Dataset, Severity
from maenas.detector.data.samples import Samples
from maenas.detector.data.union.name_key import SEPARATORS
from maenas.detector.media.resize import placement_of

MIN_SIDE = 3.0  # pixels at the network's input; smaller objects are hard to detect
MAX_IOU = 0.95  # two boxes of one class with a higher IoU are likely duplicates
MIN_OBJECTS = 10  # objects; a class with fewer is hard to learn
MAX_IMBALANCE = 100.0  # ratio of the most frequent class to the rarest
MAX_PAIRS = 2_000_000  # pairs compared at once, which limits memory


def check_boxes(dataset: Dataset, size: tuple[int, int]) -> list[DataProblem]:
    """Problems by image: boxes too small to detect, and pairs that are likely one object.

    Args:
        dataset: split to check.
        size: (height, width) of the network's input.
    """
    columns, found = dataset.columns, []
    tiny, pairs = _tiny(columns, size), _pairs(columns)
    counts = np.diff(columns.ends)
    for image in np.flatnonzero(tiny + pairs).tolist():
        where = str(columns.path(image))
        if tiny[image]:
            what = f"boxes less than {MIN_SIDE:g} pixels at the input: {tiny[image]}"
            fix = f"larger input than {size[0]}x{size[1]}, or crop the image"
            what += f" of {counts[image]}"
            found.append(DataProblem("warning", "labels", where, what, fix))
        if pairs[image]:
            what = f"pairs of boxes of one class that overlap by more than {MAX_IOU:g}: "
            what += str(pairs[image])
            found.append(DataProblem("warning", "labels", where, what, "delete one of each"))
    return found


def check_balance(dataset: Dataset, split: str) -> list[DataProblem]:
    """Problems of balance: classes with few objects, and splits with few labels."""
    where, found = f"{dataset.source} ({split})", []
    counts = dict(zip(dataset.names, dataset.counts().tolist(), strict=True))
    if not any(counts.values()):
        what, fix = "no image has an object", "are the label files where they belong?"
        skipped = [each for each in dataset.problems if each.skips and each.group == "labels"]
        if skipped:
            what, fix = "no label can be used", f"correct {len(skipped):,}, such as {skipped[0]}"
        severity: Severity = "warning" if split == "test" else "error"  # it stops a training
        return [DataProblem(severity, "balance", where, what, fix)]
    least = MIN_OBJECTS if split == "train" else 1
    for name, count in counts.items():
        if count < least:
            what = f"objects of class {name!r}: {count}"
            found.append(
                DataProblem("warning", "balance", where, what, "add some, or drop the class")
            )
    rarest = min((count for count in counts.values() if count), default=1)
    if max(counts.values()) > MAX_IMBALANCE * rarest:
        what = f"the most frequent class has {max(counts.values()) / rarest:.0f} times the rarest"
        found.append(DataProblem("warning", "balance", where, what, "add objects of the rare ones"))
    found += _similar_names(dataset.names, where)
    background = len(dataset) - len(dataset.labelled)
    if background > len(dataset) / 2:
        what = f"images without a label: {background} of {len(dataset)}"
        fix = "correct if they are background; otherwise put a labels folder beside images"
        found.append(DataProblem("warning", "balance", where, what, fix))
    return found


def _tiny(columns: Samples, size: tuple[int, int]) -> NDArray[np.int64]:
    """(I,): number of boxes of each image that are too small at the network's input."""
    shapes, inverse = np.unique(columns.sizes, axis=0, return_inverse=True)
    factors = np.ones((len(shapes), 2), dtype=np.float32)
    for index, (height, width) in enumerate(shapes.tolist()):
        tall, wide = placement_of((height, width), size, "stretch").placed
        factors[index] = wide / width, tall / height
    image = np.repeat(np.arange(len(columns)), np.diff(columns.ends))
    sides = (columns.boxes[:, 2:] - columns.boxes[:, :2]) * factors[inverse.reshape(-1)[image]]
    return np.bincount(image[sides.min(1, initial=np.inf) < MIN_SIDE], minlength=len(columns))


def _pairs(columns: Samples) -> NDArray[np.int64]:
    """(I,): number of pairs of each image that are likely one object.

    Two boxes with an IoU of u have left sides at most (1 / u - 1) of a width apart. So with the
    boxes of a class of an image in order of their left sides, few neighbours need to be compared.
    """
    image = np.repeat(np.arange(len(columns)), np.diff(columns.ends))
    group = image * (int(columns.labels.max(initial=0)) + 2) + columns.labels + 1
    order = np.lexsort((columns.boxes[:, 0], group))
    image, boxes = image[order], columns.boxes[order].astype(np.float64)
    _, rank = np.unique(group[order], return_inverse=True)
    apart = 3.0 * columns.sizes.max(initial=1)  # no neighbours across groups
    left = boxes[:, 0] + apart * rank
    near = left + (1 / MAX_IOU - 1) * (boxes[:, 2] - boxes[:, 0])
    counts = np.searchsorted(left, near, side="right") - np.arange(len(left)) - 1
    found = np.zeros(len(columns), dtype=np.int64)
    for first, second in _neighbours(counts):
        alike = first[_iou(boxes[first], boxes[second]) > MAX_IOU]
        found += np.bincount(image[alike], minlength=len(columns))
    return found


def _neighbours(counts: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of each item with the `counts` items after it, about `MAX_PAIRS` at a time."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + MAX_PAIRS, side="right")))
        some = counts[start:stop]
        first = np.repeat(np.arange(start, stop), some)
        offset = np.arange(len(first)) - np.repeat(np.cumsum(some) - some, some)
        yield first, first + 1 + offset
        start = stop


def _iou(boxes: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P,): IoU of each box with the other one; 0 without area."""
    low, high = np.maximum(boxes[:, :2], others[:, :2]), np.minimum(boxes[:, 2:], others[:, 2:])
    common = np.maximum(high - low, 0).prod(-1)
    areas = [(each[:, 2:] - each[:, :2]).prod(-1) for each in (boxes, others)]
    iou: NDArray[np.float64] = common / np.maximum(areas[0] + areas[1] - common, 1e-12)
    return iou


def _similar_names(names: Sequence[str], where: str) -> list[DataProblem]:
    """Classes that are likely one: their names differ in case or separators alone."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault("".join(SEPARATORS.split(name.strip().casefold())), []).append(name)
    return [
        DataProblem(
            "warning",
            "balance",
            where,
            f"classes {' and '.join(map(repr, same))} differ in case or separators alone",
            "if they are one class, give it one name",
        )
        for same in alike.values()
        if len(same) > 1
    ]
