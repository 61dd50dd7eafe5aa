"""The checksum of a data set is that of its samples, one after another."""

from __future__ import annotations

import hashlib
import os

import pytest

from maenas.detector.data.dataset import Dataset
from maenas.detector.data.index import digest
from maenas.detector.data.index.digest import digest_of
from maenas.detector.data.readers.read import read_dataset


def expected(dataset: Dataset) -> str:
    """The checksum in plain loops, as states of earlier versions hold it."""
    data = hashlib.sha256()
    for sample in dataset.samples:
        data.update(os.fsencode(f"{sample.path.name} {sample.size} {sample.image_id} "))
        for numbers in (sample.boxes, sample.labels, sample.crowd):
            data.update(numbers.tobytes())
    return data.hexdigest()


@pytest.mark.parametrize("at_a_time", [1, 2, 100])
def test_the_checksum_does_not_depend_on_how_it_is_computed(
    at_a_time: int, write_yolo, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = "0 .5 .5 .2 .2"
    labels = {
        "a": box,
        "b": None,
        "c": f"{box}\n1 .4 .4 .3 .3",
        "d \u00e9": "1 .5 .5 .5 .5",
        "e": "",
    }
    dataset = read_dataset(write_yolo(labels))
    monkeypatch.setattr(digest, "DIGESTED", at_a_time)
    assert digest_of(dataset) == expected(dataset)


def test_a_data_set_without_images_has_a_checksum(write_yolo) -> None:
    dataset = read_dataset(write_yolo({"a": None}))
    none = Dataset(dataset.source, (), dataset.names, dataset.category_ids)
    assert digest_of(none) == hashlib.sha256().hexdigest()
