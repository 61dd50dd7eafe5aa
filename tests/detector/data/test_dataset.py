"""Which classes each image of a union annotates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from maenas.detector.data.dataset import Dataset, Source
from maenas.detector.data.samples import Samples
from tests.labelled_images import CLASSES, dataset, sample

SOURCES = (
    Source("first", np.array([True, False, True])),
    Source("second", np.array([False, True, False])),
)


def union(columns: Samples, *sources: Source) -> Dataset:
    return Dataset(Path("union.yaml"), columns, CLASSES, (0, 1, 2), sources=sources)


def columns_of(count: int) -> Samples:
    return Samples.of([sample(number, (0, 1, 1, 9, 9)) for number in range(count)])


def test_a_plain_data_set_annotates_everything():
    assert dataset(sample(1)).annotated(0) is None


def test_an_image_annotates_the_classes_of_its_source():
    one = union(replace(columns_of(3), source_of=np.array([1, 0, 1], np.int16)), *SOURCES)
    known = [one.annotated(index) for index in range(3)]
    assert [None if each is None else each.tolist() for each in known] == [
        [False, True, False],
        [True, False, True],
        [False, True, False],
    ]


def test_verified_classes_of_an_image_are_annotated_in_it_alone():
    columns = replace(
        columns_of(2),
        verified_ends=np.array([0, 0, 2]),
        verified=np.array([1, 0], np.int32),
    )
    one = union(columns, *SOURCES)
    plain, verified = one.annotated(0), one.annotated(1)
    assert plain is not None
    assert plain.tolist() == [True, False, True]
    assert verified is not None
    assert verified.tolist() == [True, True, True]
    assert SOURCES[0].annotated.tolist() == [True, False, True]
