"""Data sets of `bench_union`: one set cut into two that each label half of its classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml

from maenas.detector.data import Dataset, Sample
from maenas.detector.data.readers.read import read_dataset
from maenas.detector.data.writers.write import write_dataset

CLASSES = 20  # most frequent classes that are kept
FEW = 8  # images that a training evaluates
FORMAT = "maenas/union@1"


@dataclass(frozen=True, slots=True)
class Halves:
    """A data set with all labels, and what two annotators with half of the classes made of it.

    Attributes:
        full: data set with all labels.
        union: file of the union of both sources.
        naive: the same images and labels as one data set in which what is not labelled is absent.
        alone: each source with all class names, of which it labels half.
    """

    full: Path
    union: Path
    naive: Path
    alone: tuple[Path, Path]


def cut_in_halves(data: Path, folder: Path) -> Halves:
    """Write the data sets, unless they exist; images are symbolic links.

    The most frequent classes go to both sources in turn, and so do the images, so no image is in
    both. The source of the first image labels the most frequent class.
    """
    made = Halves(
        folder / "full" / "data.yaml",
        folder / "union.yaml",
        folder / "naive" / "data.yaml",
        (folder / "alone-0" / "data.yaml", folder / "alone-1" / "data.yaml"),
    )
    if made.union.exists():
        return made
    splits = {split: read_dataset(data, split) for split in ("train", "val")}
    frequent = np.argsort(-splits["train"].counts(), kind="stable")[:CLASSES]
    kept = [int(each) for each in frequent if splits["train"].counts()[each]]
    mine = [set(kept[number::2]) for number in range(2)]
    parts = [
        {split: part_of(each, kept, mine[n], range(n, len(each), 2)) for split, each in both}
        for both in [list(splits.items())]
        for n in range(2)
    ]
    full = {
        split: part_of(each, kept, set(kept), range(len(each))) for split, each in splits.items()
    }
    both = {split: replace(parts[0][split], samples=joined(parts, split)) for split in splits}
    for each in (*parts, both):
        each["val"] = few(each["val"])
    for n in range(2):
        write(parts[n], made.alone[n].parent)
        names = [splits["train"].names[each] for each in kept if each in mine[n]]
        write(
            {split: renamed(each, names) for split, each in parts[n].items()},
            folder / f"source-{n}",
        )
    write(both, made.naive.parent)
    write(full, made.full.parent)
    write_union(made.union, [folder / "source-0", folder / "source-1"], full["train"].names)
    return made


def part_of(
    dataset: Dataset, kept: Sequence[int], labelled: set[int], chosen: Iterable[int]
) -> Dataset:
    """Some images of a data set with the classes `kept`, of which some are labelled."""
    index_of = {old: new for new, old in enumerate(kept)}
    samples = []
    for index in chosen:
        sample = dataset.samples[index]
        mask = np.isin(sample.labels, list(labelled))
        labels = [index_of[each] for each in sample.labels[mask].tolist()]
        samples.append(
            replace(
                sample,
                boxes=sample.boxes[mask],
                labels=np.array(labels, np.int64),
                crowd=sample.crowd[mask],
                areas=sample.areas[mask],
                outlines=(),
            )
        )
    names = tuple(dataset.names[each] for each in kept)
    return Dataset(dataset.source, samples, names, tuple(range(len(names))))


def renamed(dataset: Dataset, names: Sequence[str]) -> Dataset:
    """The data set with fewer class names; all of its labels are among them."""
    new = {dataset.names.index(name): index for index, name in enumerate(names)}
    samples = [
        replace(each, labels=np.array([new[label] for label in each.labels.tolist()], np.int64))
        for each in dataset.samples
    ]
    return Dataset(dataset.source, samples, tuple(names), tuple(range(len(names))))


def joined(parts: Sequence[dict[str, Dataset]], split: str) -> list[Sample]:
    """The images of one split of all parts."""
    return [sample for part in parts for sample in part[split].samples]


def few(dataset: Dataset) -> Dataset:
    """The first images, for the evaluations during a training, on which nothing depends here."""
    return replace(dataset, samples=dataset.samples[:FEW])


def some_images(data: Path, folder: Path, counts: dict[str, int]) -> Path:
    """The data set with at most so many images in each split; images are symbolic links."""
    path = folder / "data.yaml"
    if not path.exists():
        splits = {split: read_dataset(data, split) for split in counts}
        write(
            {
                split: part_of(each, range(len(each.names)), {*range(len(each.names))}, spread)
                for split, each in splits.items()
                for spread in [
                    np.linspace(0, len(each) - 1, min(counts[split], len(each))).astype(int)
                ]
            },
            folder,
        )
    return path


def joined_sets(folder: Path, parts: Mapping[str, Sequence[Path]]) -> Path:
    """A data set whose splits are the training images of several, with the classes of the last.

    The classes of each must be the first of those of the last. A training evaluates the first
    images of `val` only.
    """
    path = folder / "data.yaml"
    if not path.exists():
        read = {
            split: [read_dataset(each, "train") for each in those] for split, those in parts.items()
        }
        splits = {
            split: replace(those[-1], samples=[each for part in those for each in part.samples])
            for split, those in read.items()
        }
        write(splits, folder)
    return path


def write(splits: dict[str, Dataset], folder: Path) -> None:
    """Write a data set in YOLO's form."""
    folder.mkdir(parents=True, exist_ok=True)
    write_dataset(splits, folder, "yolo", link=True)


def write_union(path: Path, folders: Sequence[Path], names: Sequence[str] = ()) -> None:
    """Write the union of data sets, where classes of equal name are one class."""
    sources = {
        folder.name: {
            "data": str(folder),
            "classes": {name: name for name in read_dataset(folder, "train").names},
        }
        for folder in folders
    }
    data = {"format": FORMAT, "sources": sources} | ({"names": list(names)} if names else {})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
