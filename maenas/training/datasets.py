"""The data set of a training: one process of each machine reads a split, and sends it as columns.

A large data set takes minutes and gigabytes to read; its columns are small and sent in a second.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from maenas.detector.data import Dataset, read_dataset, same_classes
from maenas.detector.data.index.digest import digest_of
from maenas.detector.data.readers.read import splits_of
from maenas.detector.errors import TrainError
from maenas.detector.train import Ranks
from maenas.runs.config import digest


def require_trainable(data: Path) -> Dataset:
    """The training images, if a training accepts all splits that it reads.

    Commands of several trainings ask before they write anything.

    Raises:
        DataError: if labels are wrong, train or val has no object, or they differ in their classes.
    """
    dataset = read_dataset(data, "train")
    dataset.require_objects("train")
    if "val" in splits_of(data):
        require_evaluable(read_dataset(data, "val"), dataset)
    return dataset


def training_images(data: Path, ranks: Ranks) -> Dataset:
    """The training images; every process must make this call."""
    return ranks.made_once(f"train of {data.resolve()}", lambda: columns_of(data, "train"))


def validation_images(data: Path, dataset: Dataset, ranks: Ranks) -> Dataset | None:
    """The validation images if there are any; every process must make this call.

    Raises:
        DataError: if they do not have the classes of the training images, or have no object.
    """
    val = ranks.made_once(
        f"val of {data.resolve()}",
        lambda: columns_of(data, "val") if "val" in splits_of(data) else None,
    )
    if val is not None:
        require_evaluable(val, dataset)
    return val


def require_evaluable(val: Dataset, dataset: Dataset) -> None:
    """Raise `DataError` unless val has the classes of the training images, and an object."""
    same_classes(dataset, val)
    val.require_objects("val")


def columns_of(data: Path, split: str) -> Dataset:
    """One split as columns, whatever sequence of samples its reader returned."""
    dataset = read_dataset(data, split)
    return replace(dataset, samples=dataset.columns)


def images_digest(data: Path) -> str:
    """A digest of the names and labels of the images for training and validation."""
    splits = [split for split in ("train", "val") if split in splits_of(data)]
    return digest(*(digest_of(columns_of(data, split)) for split in splits))


def require_same_images(saved: str, data: Path, where: Path) -> None:
    """Raise `TrainError` if images or labels have changed since a run of several trainings began.

    Args:
        saved: digest that the run keeps; "" in runs of an earlier version, which pass.
        data: data set.
        where: file that keeps the digest, for the error.
    """
    if saved and saved != images_digest(data):
        raise TrainError(
            f"{where}: was started with other images or labels than {data} has now, so trainings "
            "before and after could not be compared; begin another run with --out."
        )
