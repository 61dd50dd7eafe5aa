"""The processes of a training share one reading of the data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from maenas.detector.data import DataError, Dataset, read_dataset
from maenas.detector.data.index.digest import digest_of
from maenas.detector.data.readers.source import DataSource
from maenas.detector.data.readers.yolo.reader import YoloReader
from maenas.detector.data.samples import Samples
from maenas.detector.errors import TrainError
from maenas.detector.train import joined_ranks, ranks
from maenas.training import datasets
from maenas.training.datasets import training_images, validation_images
from maenas.training.run import run_training
from maenas.training.setup import TrainOptions
from tests.processes import run_ranks
from tests.trainings import write_data

SPLITS = ["train", "val"]


def counted() -> list[str]:
    """The splits that this process reads from now on."""
    read: list[str] = []

    def counting(path: Path, split: str = "train") -> Dataset:
        read.append(split)
        dataset = read_dataset(path, split)
        return replace(dataset, samples=[*dataset.samples])  # as a plugin's reader may return it

    datasets.read_dataset = counting  # type: ignore[attr-defined]
    return read


def both(rank: int, data: Path, host: Callable[[int], str]) -> tuple[list[str], list[str], bool]:
    """The splits that one of two processes reads, digests of what it has, and its form."""
    ranks.gethostname = lambda: host(rank)  # type: ignore[attr-defined]
    read = counted()
    with joined_ranks("cpu") as joined:
        train = training_images(data, joined)
        val = validation_images(data, train, joined)
    assert val is not None
    is_columns = isinstance(train.samples, Samples)
    return read, [digest_of(train), digest_of(val)], is_columns


def test_one_process_of_a_machine_reads_for_all(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    first, second = run_ranks(2, both, data, lambda rank: "node")
    assert first[0] == SPLITS
    assert second[0] == []
    assert first[1] == second[1] == [digest_of(read_dataset(data, split)) for split in SPLITS]
    assert first[2]
    assert second[2]


def test_each_machine_reads_its_own_files(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    first, second = run_ranks(2, both, data, lambda rank: f"node{rank}")
    assert first[0] == second[0] == SPLITS
    assert first[1] == second[1]


def trained(rank: int, data: Path) -> list[str]:
    """The splits that one of two processes of a training reads; they differ, so it ends early."""
    ranks.FAREWELL_S = 0.1
    read, reading = [], YoloReader.read

    def counting(self: YoloReader, source: DataSource, split: str) -> Dataset:
        read.append(split)
        return reading(self, source, split)

    YoloReader.read = counting  # type: ignore[method-assign]
    options = TrainOptions("zoo:damo-yolo-ns", data, 1, (f"seed={rank}",), input_size=64)
    with pytest.raises(TrainError, match="seed is 1, but rank 0 has 0"):
        run_training(options, data.parent / "run", False, False, "cpu", 0)
    return read


def test_a_training_reads_each_split_once_on_a_machine(tmp_path: Path) -> None:
    assert run_ranks(2, trained, write_data(tmp_path / "data")) == [SPLITS, []]


def refused(rank: int, data: Path) -> str:
    """The error of one of two processes."""
    ranks.FAREWELL_S = 0.1
    with pytest.raises(DataError) as error, joined_ranks("cpu") as joined:
        training_images(data, joined)
    return str(error.value)


def test_what_cannot_be_read_is_the_same_error_in_every_process(tmp_path: Path) -> None:
    data = tmp_path / "data.yaml"
    data.write_text("train: gone\nnames: [a]\n")
    first, second = run_ranks(2, refused, data)
    assert first == second
    assert first.startswith(f"{data}: train: nothing is at ")


def without_val(rank: int, data: Path) -> Dataset | None:
    """The validation images of one of two processes, of which the second names a val split."""
    ranks.FAREWELL_S = 0.1
    path = data / ("with" if rank else "without") / "data.yaml"
    with joined_ranks("cpu") as joined:
        return validation_images(path, training_images(path, joined), joined)


def test_processes_that_name_other_splits_do_not_wait_for_each_other(tmp_path: Path) -> None:
    for name in ("with", "without"):
        write_data(tmp_path / name)
    settings = tmp_path / "without" / "data.yaml"
    settings.write_text(settings.read_text().replace("val:", "test:"))
    first, second = run_ranks(2, without_val, tmp_path)
    assert first is None
    assert second is not None
