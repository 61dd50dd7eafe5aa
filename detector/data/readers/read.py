"""A data set from a YOLO `data.yaml`, or from a COCO annotation file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from maenas.blocks.errors import SpecError
from maenas.blocks.files.yaml_file import read_mapping
from maenas.detector.data.dataset import DataError, Dataset, same_classes
from maenas.detector.data.paths import class_names, find_entries
from maenas.detector.data.readers.coco_json import read_coco
from maenas.detector.data.readers.yolo import read_yolo

SPLITS = ("train", "val", "test")
YAML_SUFFIXES = frozenset((".yaml", ".yml"))
YAML_NAMES = ("data.yaml", "dataset.yaml", "data.yml")  # looked for in a folder


def read_dataset(path: Path, split: str = "train") -> Dataset:
    """One split of a data set.

    Args:
        path: a `data.yaml`, a folder that holds one, or a COCO annotation file, which is one
            split whatever it is called.
        split: train, val or test.
    Raises:
        DataError: if a file is missing or cannot be understood; wrong labels are no reason,
            they are among the problems.
    """
    if path.is_dir():
        path = _yaml_in(path)
    if path.suffix == ".json":
        return read_coco(path, path.parent)
    if path.suffix not in YAML_SUFFIXES:
        if not path.exists():
            raise DataError(f"{path}: no such file or folder.")
        raise DataError(f"{path}: must be a data.yaml, a folder with one, or a COCO .json file.")
    try:
        keys = read_mapping(path)
    except SpecError as error:
        raise DataError(str(error)) from None
    entries, root = find_entries(path, keys, split)
    annotated = [entry for entry in entries if entry.suffix == ".json"]
    if not annotated:
        return read_yolo(path, split, entries, class_names(path, keys))
    if len(annotated) < len(entries):
        raise DataError(f"{path}: {split}: names .json files and others; use one kind.")
    parts = [read_coco(entry, root) for entry in annotated]
    return _joined(path, parts, class_names(path, keys) if "names" in keys else None)


def splits_of(path: Path) -> tuple[str, ...]:
    """The splits a data set names.

    Raises:
        DataError: if its file cannot be read.
    """
    if path.is_dir():
        path = _yaml_in(path)
    if path.suffix == ".json":
        return ("train",)
    try:
        keys = read_mapping(path)
    except SpecError as error:
        raise DataError(str(error)) from None
    return tuple(split for split in SPLITS if keys.get(split))


def _yaml_in(folder: Path) -> Path:
    for name in YAML_NAMES:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder}: holds no {YAML_NAMES[0]}; name a data.yaml or a COCO .json file.")


def _joined(path: Path, parts: Sequence[Dataset], names: tuple[str, ...] | None) -> Dataset:
    """Several COCO files of one split as one, under the names that `data.yaml` gives."""
    first = parts[0]
    for part in parts[1:]:
        same_classes(first, part)
    if names is not None and names != first.names:
        raise DataError(
            f"{path}: names: {', '.join(names[:5])} .. are not the categories of {first.source} "
            f"in the order of their ids, {', '.join(first.names[:5])} ..; leave `names` out."
        )
    if len(parts) == 1:
        return first
    samples = tuple(sample for part in parts for sample in part.samples)
    ids = [sample.image_id for sample in samples]
    if len(set(ids)) < len(ids):
        raise DataError(f"{path}: its .json files give one image id to two images; renumber one.")
    problems = tuple(problem for part in parts for problem in part.problems)
    return Dataset(path, samples, first.names, first.category_ids, problems)
