"""Check of a data set: problems, their places, and how to fix them."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from maenas.blocks.files.suffixes import suffix_of
from maenas.detector.data.check_images import image_problems, without_images
from maenas.detector.data.check_labels import check_balance, check_boxes
from maenas.detector.data.dataset import DataError, DataProblem, Dataset, Severity
from maenas.detector.data.readers.cut_boxes import check_cuts
from maenas.detector.data.readers.read import read_again, splits_of
from maenas.detector.data.readers.yolo.folder import NO_LABELS, label_folder
from maenas.detector.data.union.check_union import (
    SourceCounts,
    check_sources,
    check_splits,
    source_counts,
)
from maenas.detector.media.images import IMAGE_SUFFIXES
from maenas.detector.media.visible import visible_files

SCHEMA = "maenas/data-check@1"
NEEDED = ("train", "val")  # splits that a training needs
Key = tuple[int | str, ...]  # equal for an image file and its copies


def open_splits(
    path: Path, reading: Callable[[str], AbstractContextManager[object]] = nullcontext
) -> tuple[dict[str, Dataset], list[DataProblem]]:
    """The readable splits of a data set, and the problems of the others.

    Args:
        path: data set, as in `read_dataset`.
        reading: function that gets the name of each split and returns the context to read it in.
    Raises:
        DataError: if the file cannot be read or names no split.
    """
    names = splits_of(path)
    if not names:
        raise DataError(f"{path}: names no split; add `train: FOLDER` and `val: FOLDER`.")
    splits: dict[str, Dataset] = {}
    failed: dict[str, list[str]] = {}  # splits by error message
    for split in names:
        try:
            with reading(split):
                splits[split] = read_again(path, split)
        except DataError as error:
            failed.setdefault(str(error), []).append(split)
    problems = []
    for error_of_some, those in failed.items():
        where, _, what = error_of_some.partition(": ")
        fix = f"nothing of {' and '.join(those)} was checked"
        severity: Severity = "error" if any(split in NEEDED for split in those) else "warning"
        problems.append(DataProblem(severity, "files", where, what.rstrip("."), fix))
    if not splits and all(problem.severity == "warning" for problem in problems):
        raise DataError(next(iter(failed)))
    if "train" not in names:
        fix = "add `train: FOLDER` to train with it"
        problems.append(DataProblem("warning", "files", str(path), "has no train split", fix))
    return splits, problems


def check(
    path: Path,
    splits: Mapping[str, Dataset],
    size: tuple[int, int],
    most: int | None = None,
    done: Callable[[], object] = lambda: None,
) -> list[DataProblem]:
    """All problems of the splits of a data set.

    Args:
        path: file of the data set.
        splits: splits from `open_splits`.
        size: (height, width) of the network's input, to report objects that are too small.
        most: maximum number of images read per split, evenly spread; None for all.
        done: function called after every image that was read.
    """
    problems: list[DataProblem] = []
    for split, dataset in splits.items():
        indices = chosen(len(dataset), most)
        found = dict(image_problems(dataset.columns, indices, done))
        usable = without_images(dataset, found)
        problems += [
            *dataset.problems,
            *found.values(),
            *check_cuts(usable, split),
            *check_boxes(usable, size),
            *check_balance(usable, split),
            *check_sources(usable, split),
        ]
    across = _across(path, splits, reads=most is None)
    return problems + across + check_splits(path, splits) + _orphans(splits)


@dataclass(frozen=True, slots=True)
class SplitCounts:
    """Numbers of one split of a data set.

    Attributes:
        images: number of images that can be used.
        background: number of images without an object.
        objects: number of objects, without regions to ignore.
        crowds: number of regions to ignore.
        left_out: number of images that cannot be used.
        classes: number of objects of each class, by name.
        sources: numbers of each data set of a union, by name; {} for any other data set.
    """

    images: int
    background: int
    objects: int
    crowds: int
    left_out: int
    classes: Mapping[str, int]
    sources: Mapping[str, SourceCounts] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """All fields; `sources` only for a union."""
        made = asdict(self)
        return made if self.sources else {key: made[key] for key in made if key != "sources"}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was found in a data set.

    Attributes:
        source: data set as it was named.
        splits: numbers of each readable split, by name.
        problems: problems of files, images, labels and balance.
    """

    source: Path
    splits: Mapping[str, SplitCounts]
    problems: tuple[DataProblem, ...]

    @property
    def errors(self) -> int:
        """Number of problems by which labels or images are lost or wrong."""
        return sum(problem.severity == "error" for problem in self.problems)

    @property
    def skipped(self) -> int:
        """Number of labels and images that a training skips."""
        return sum(problem.skips for problem in self.problems)

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        return {
            "schema": SCHEMA,
            "source": str(self.source),
            "splits": {split: counts.to_json() for split, counts in self.splits.items()},
            "skipped": self.skipped,
            "errors": self.errors,
            "warnings": len(self.problems) - self.errors,
            "problems": [asdict(problem) for problem in self.problems],
        }


def summary(
    source: Path, splits: Mapping[str, Dataset], problems: Sequence[DataProblem]
) -> CheckResult:
    """Numbers of the images that can be used, and problems of a checked data set."""
    damaged = {each.where: each for each in problems if each.skips and each.group == "images"}
    usable = {split: _without(dataset, damaged) for split, dataset in splits.items()}
    counts = {
        split: SplitCounts(
            images=len(dataset),
            background=len(dataset) - len(dataset.labelled),
            objects=int(dataset.counts().sum()),
            crowds=int(dataset.columns.crowd.sum()),
            left_out=dataset.left_out,
            classes=dict(zip(dataset.names, dataset.counts().tolist(), strict=True)),
            sources=source_counts(dataset),
        )
        for split, dataset in usable.items()
    }
    return CheckResult(source, counts, tuple(problems))


def _without(dataset: Dataset, damaged: Mapping[str, DataProblem]) -> Dataset:
    """A split without the images that have one of the problems, by their path."""
    if not damaged:
        return dataset
    paths = enumerate(dataset.columns.paths())
    found = {index: damaged[str(path)] for index, path in paths if str(path) in damaged}
    return without_images(dataset, found)


def chosen(count: int, most: int | None) -> range:
    """Indices of the images that are read, evenly spread."""
    if most == 0:
        return range(0)
    return range(0, count, 1 if most is None else max(1, -(-count // most)))


def _orphans(splits: Mapping[str, Dataset]) -> list[DataProblem]:
    """Label files without an image or with several images, one problem per folder."""
    found = []
    images: dict[Path, set[str]] = defaultdict(set)  # image names by folder
    for dataset in splits.values():
        for path in dataset.columns.paths():
            images[path.parent].add(path.name)
    for folder in sorted(images):
        labels = label_folder(folder)
        files = visible_files(labels, ".txt") if labels.is_dir() else []
        name_of = {file.stem: file.name for file in files}
        users = Counter(Path(name).stem for name in images[folder])
        shared = sorted(stem for stem, count in users.items() if count > 1 and stem in name_of)
        if shared:
            what = f"label files of several images: {len(shared)}, such as {name_of[shared[0]]}"
            fix = "give each image a name of its own"
            found.append(DataProblem("warning", "labels", str(labels), what, fix))
        if labels == folder or not files:
            continue
        held = {file.stem for file in visible_files(folder) if suffix_of(file) in IMAGE_SUFFIXES}
        expected = held | NO_LABELS
        lost = [file for file in files if file.stem not in expected]
        if lost:
            what = f"label files without an image: {len(lost)}, such as {lost[0].name}"
            fix = f"name them as their images in {folder}, or delete them"
            found.append(DataProblem("warning", "labels", str(labels), what, fix))
    return found


def _across(path: Path, splits: Mapping[str, Dataset], reads: bool) -> list[DataProblem]:
    """Problems between splits: different class numbers, or images in several splits.

    Args:
        path: file of the data set.
        splits: splits of the data set.
        reads: whether images may be read, to find copies of one.
    """
    found = []
    names = {dataset.names for dataset in splits.values()}
    if len(names) > 1:
        what = f"the splits do not have the same classes in the same order{_differing(splits)}"
        found.append(DataProblem("error", "files", str(path), what, "give all files the same list"))
    files = _files({split: dataset.columns.paths() for split, dataset in splits.items()}, reads)
    listed = list(files.items())
    for place_of_first, (first, one) in enumerate(listed):
        for second, other in listed[place_of_first + 1 :]:
            shared = [name for file, name in other.items() if file in one]
            if shared:
                what = f"images in both {first} and {second}: {len(shared)}"
                fix = f"remove them from one, such as {shared[0]}"
                found.append(DataProblem("warning", "files", str(path), what, fix))
    return found


def _differing(splits: Mapping[str, Dataset]) -> str:
    """Which classes some splits lack, as the end of a sentence; "" if only their order differs."""
    of_all = dict.fromkeys(name for dataset in splits.values() for name in dataset.names)
    for name in of_all:
        having = [split for split, dataset in splits.items() if name in dataset.names]
        if len(having) < len(splits):
            return f": {name!r} is a class of {' and '.join(having)} alone"
    return ""


def _files(paths: Mapping[str, Iterable[Path]], reads: bool) -> dict[str, dict[Key, str]]:
    """Image names of each split by what is equal for links to one file, and for copies of it.

    Only files of a size that occurs in several splits are read.

    Args:
        paths: paths of the images of each split.
        reads: whether images may be read; otherwise copies are not found.
    """
    states = {split: _states(some) for split, some in paths.items()}
    sizes = Counter(
        size for some in states.values() for size in {state.st_size for state in some.values()}
    )
    found: dict[str, dict[Key, str]] = {}
    for split, some in states.items():
        found[split] = {
            _content(path)
            if reads and sizes[state.st_size] > 1
            else (state.st_dev, state.st_ino): path.name
            for path, state in some.items()
        }
    return found


def _states(paths: Iterable[Path]) -> dict[Path, os.stat_result]:
    """State of each file that is there."""
    found = {}
    for path in paths:
        with suppress(OSError):  # deleted since it was read
            found[path] = os.stat(path)
    return found


def _content(path: Path) -> Key:
    """Digest of the content of a file; its path if it cannot be read."""
    try:
        with path.open("rb") as file:
            return (hashlib.file_digest(file, "blake2b").hexdigest(),)
    except OSError:
        return (str(path),)
