"""Likely label errors of a split: tiny boxes, duplicate boxes, rare classes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from maenas.detector.arrays import Floats
from maenas.detector.data.dataset import DataProblem, Dataset, Severity
from maenas.detector.data.labelled import areas_of
from maenas.detector.data.samples import Samples
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
            fix = f"larger input than {size[1]}x{size[0]}, or crop the image"
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
    """(I,): number of pairs of each image that are likely one object."""
    found, counts = np.zeros(len(columns), dtype=np.int64), np.diff(columns.ends)
    for count in np.unique(counts[counts > 1]).tolist():  # by number of boxes
        images = np.flatnonzero(counts == count)
        for some in _slices(images, max(1, MAX_PAIRS // count**2)):
            rows = columns.ends[some, None] + np.arange(count)  # (G, count)
            found[some] = _alike(columns.boxes[rows], columns.labels[rows])
    return found


def _slices(items: NDArray[np.int64], length: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(items), length):
        yield items[start : start + length]


def _alike(boxes: Floats, labels: NDArray[np.int32]) -> NDArray[np.int64]:
    """(G,): number of pairs of one class in (G, N, 4) boxes that overlap by more than `MAX_IOU`."""
    low = np.maximum(boxes[:, :, None, :2], boxes[:, None, :, :2])
    high = np.minimum(boxes[:, :, None, 2:], boxes[:, None, :, 2:])
    common = np.maximum(high - low, 0).prod(-1)  # (G, N, N)
    areas = areas_of(boxes.reshape(-1, 4)).reshape(boxes.shape[:2])
    same = labels[:, :, None] == labels[:, None]
    alike = same & (common > MAX_IOU * (areas[:, :, None] + areas[:, None] - common))
    counted: NDArray[np.int64] = np.triu(alike, 1).sum((1, 2))
    return counted
