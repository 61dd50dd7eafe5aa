"""What is wrong with a data set, where, and how to mend it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maenas.detector.arrays import Floats
from maenas.detector.data.dataset import DataError, Dataset, Problem
from maenas.detector.data.labelled import areas_of
from maenas.detector.data.read_sample import read_sample
from maenas.detector.data.readers.read import read_dataset, splits_of
from maenas.detector.data.readers.yolo import label_file
from maenas.detector.media.images import IMAGE_SUFFIXES, ImageError
from maenas.detector.media.resize import place

MIN_SIDE = 3.0  # pixels at the network's input, below which an object can hardly be seen
MAX_IOU = 0.95  # of two boxes of one class, beyond which they are likely one
MIN_OBJECTS = 10  # of a class, below which it can hardly be learnt
NO_LABELS = {"classes", "labels", "README"}  # text that tools put beside label files
MAX_IMBALANCE = 100.0  # of the most frequent class to the rarest


def open_splits(path: Path) -> tuple[dict[str, Dataset], list[Problem]]:
    """The splits of a data set, and why the others cannot be read.

    Args:
        path: as `read_dataset` takes it.
    Raises:
        DataError: if its file cannot be read or names no split.
    """
    named = splits_of(path)
    if not named:
        raise DataError(f"{path}: names no split; add `train: FOLDER` and `val: FOLDER`.")
    splits: dict[str, Dataset] = {}
    failed: dict[str, list[str]] = {}  # splits by what is wrong with them
    for split in named:
        try:
            splits[split] = read_dataset(path, split)
        except DataError as error:
            failed.setdefault(str(error), []).append(split)
    problems = []
    for error_of_some, those in failed.items():
        where, _, what = error_of_some.partition(": ")
        fix = f"nothing of {' and '.join(those)} was checked"
        problems.append(Problem("error", "files", where, what.rstrip("."), fix))
    if "train" not in named:
        fix = "add `train: FOLDER` to train with it"
        problems.append(Problem("warning", "files", str(path), "has no train split", fix))
    return splits, problems


def check(
    path: Path,
    splits: Mapping[str, Dataset],
    size: tuple[int, int],
    images: bool,
    done: Callable[[], object] = lambda: None,
) -> list[Problem]:
    """Everything found wrong with the splits of a data set.

    Args:
        path: of its file.
        splits: as `open_splits` gives them.
        size: (height, width) of the network's input, for what is too small.
        images: whether to read every image, which takes a while.
        done: called after every image.
    """
    problems: list[Problem] = []
    for split, dataset in splits.items():
        problems += [*dataset.problems, *_labels(dataset, size), *_balance(dataset, split)]
        if images:
            problems += _images(dataset, done)
    return problems + _across(path, splits) + _orphans(splits)


def summary(splits: Mapping[str, Dataset], problems: list[Problem]) -> dict[str, Any]:
    """Counts of a checked data set, and its problems, as plain data."""
    return {
        "splits": {
            split: {
                "images": len(dataset),
                "background": len(dataset) - len(dataset.labelled),
                "objects": dataset.objects,
                "crowds": int(sum(sample.crowd.sum() for sample in dataset.samples)),
                "classes": _per_class(dataset),
            }
            for split, dataset in splits.items()
        },
        "errors": sum(problem.severity == "error" for problem in problems),
        "warnings": sum(problem.severity == "warning" for problem in problems),
        "problems": [
            {
                "severity": problem.severity,
                "group": problem.group,
                "where": problem.where,
                "what": problem.what,
                "fix": problem.fix,
            }
            for problem in problems
        ],
    }


def _per_class(dataset: Dataset) -> dict[str, int]:
    """Objects of each class, crowds not counted."""
    counts = Counter(
        label for sample in dataset.samples for label in sample.labels[~sample.crowd].tolist()
    )
    return {name: counts[index] for index, name in enumerate(dataset.names)}


def _images(dataset: Dataset, done: Callable[[], object]) -> list[Problem]:
    found = []
    for sample in dataset.samples:
        try:
            read_sample(sample)
        except ImageError as error:
            what = str(error).removeprefix(f"{sample.path}: ").rstrip(".")
            fix = "replace it; training passes it over"
            found.append(Problem("error", "images", str(sample.path), what, fix))
        done()
    return found


def _labels(dataset: Dataset, size: tuple[int, int]) -> list[Problem]:
    """Boxes too small to see, and pairs that are likely one object."""
    found = []
    for sample in dataset.samples:
        height, width = place(sample.size, size, "stretch").placed
        factors = np.array([width / sample.size[1], height / sample.size[0]], dtype=np.float32)
        sides = (sample.boxes[:, 2:] - sample.boxes[:, :2]) * factors
        tiny = int((sides.min(1, initial=np.inf) < MIN_SIDE).sum())
        where = str(sample.path)
        if tiny:
            what = f"boxes less than {MIN_SIDE:g} pixels at the input: {tiny} of {len(sides)}"
            fix = f"larger input than {size[1]}x{size[0]}, or crop the image"
            found.append(Problem("warning", "labels", where, what, fix))
        pairs = _alike(sample.boxes, sample.labels)
        if pairs:
            what = f"pairs of boxes of one class that overlap by more than {MAX_IOU:g}: {pairs}"
            found.append(Problem("warning", "labels", where, what, "delete one of each"))
    return found


def _alike(boxes: Floats, labels: NDArray[np.int64]) -> int:
    """How many pairs of one class overlap by more than `MAX_IOU`."""
    if len(boxes) < 2:
        return 0
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    common = np.maximum(high - low, 0).prod(-1)  # (N, N)
    areas = areas_of(boxes)
    same = labels[:, None] == labels[None]
    alike = same & (common > MAX_IOU * (areas[:, None] + areas[None] - common))
    return int(np.triu(alike, 1).sum())


def _balance(dataset: Dataset, split: str) -> list[Problem]:
    where, found = f"{dataset.source} ({split})", []
    counts = _per_class(dataset)
    if not any(counts.values()):
        what, fix = "no image has an object", "are the label files where they belong?"
        return [Problem("error", "balance", where, what, fix)]
    least = MIN_OBJECTS if split == "train" else 1
    for name, count in counts.items():
        if count < least:
            what = f"objects of class {name!r}: {count}"
            found.append(Problem("warning", "balance", where, what, "add some, or drop the class"))
    rarest = min((count for count in counts.values() if count), default=1)
    if max(counts.values()) > MAX_IMBALANCE * rarest:
        what = f"the most frequent class has {max(counts.values()) / rarest:.0f} times the rarest"
        found.append(Problem("warning", "balance", where, what, "add objects of the rare ones"))
    background = len(dataset) - len(dataset.labelled)
    if background > len(dataset) / 2:
        what = f"images without a label: {background} of {len(dataset)}"
        fix = "right if they are background; else put a labels folder beside images"
        found.append(Problem("warning", "balance", where, what, fix))
    return found


def _orphans(splits: Mapping[str, Dataset]) -> list[Problem]:
    """Label files without an image or with several, a line for each folder."""
    found = []
    images = {s.path for dataset in splits.values() for s in dataset.samples}
    users = Counter(label_file(path) for path in images)
    for folder in sorted({labels.parent for labels in users}):
        shared = sorted(f for f, count in users.items() if count > 1 and f.parent == folder)
        if shared and folder.is_dir() and shared[0].exists():
            what = f"label files of several images: {len(shared)}, such as {shared[0].name}"
            fix = "give each image a name of its own"
            found.append(Problem("warning", "labels", str(folder), what, fix))
    for folder in sorted({path.parent for path in images}):
        labels = label_file(folder / "any").parent
        if labels == folder or not labels.is_dir():
            continue
        held = {file.stem for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES}
        lost = sorted(f for f in labels.glob("*.txt") if f.stem not in held | NO_LABELS)
        if lost:
            what = f"label files without an image: {len(lost)}, such as {lost[0].name}"
            fix = f"name them as their images in {folder}, or delete them"
            found.append(Problem("warning", "labels", str(labels), what, fix))
    return found


def _across(path: Path, splits: Mapping[str, Dataset]) -> list[Problem]:
    """Splits that number classes differently, or share images."""
    found = []
    names = {dataset.names for dataset in splits.values()}
    if len(names) > 1:
        what = "the splits do not have the same classes in the same order"
        found.append(Problem("error", "files", str(path), what, "give all files one list"))
    listed = list(splits.items())
    for place_of_first, (first, one) in enumerate(listed):
        held = {sample.path.resolve() for sample in one.samples}
        for second, other in listed[place_of_first + 1 :]:
            shared = [s for s in other.samples if s.path.resolve() in held]
            if shared:
                what = f"images in both {first} and {second}: {len(shared)}"
                fix = f"take them out of one, such as {shared[0].path.name}"
                found.append(Problem("warning", "files", str(path), what, fix))
    return found
