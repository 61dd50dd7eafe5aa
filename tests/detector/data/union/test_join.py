"""Data sets that check classes image by image keep what they know in a union."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from maenas.detector.data.dataset import Dataset, Source
from maenas.detector.data.samples import Samples
from maenas.detector.data.union.check_union import source_counts
from maenas.detector.data.union.join import joined, mapped
from tests.labelled_images import CLASSES, dataset, sample


def checked(*classes: tuple[int, ...], annotated: tuple[int, ...] = ()) -> Dataset:
    """Images with these verified classes, beside the classes annotated in all of them."""
    columns = replace(
        Samples.of([sample(number, (0, 1, 1, 9, 9)) for number in range(len(classes))]),
        verified_ends=np.cumsum([0, *map(len, classes)]),
        verified=np.array([each for those in classes for each in those], np.int32),
    )
    known = np.isin(np.arange(len(CLASSES)), annotated)
    return replace(dataset(), samples=columns, sources=(Source("", known),))


def known_in(union: Dataset) -> list[list[int]]:
    return [
        np.flatnonzero(known).tolist()
        for index in range(len(union))
        if (known := union.annotated(index)) is not None
    ]


def test_a_class_is_verified_if_all_classes_that_become_it_are():
    # red and green become warm, blue stays
    found = mapped(checked((0,), (0, 1), (2, 0), ()), "a", [(0,), (0,), (1,)], ["warm", "blue"])
    assert known_in(found) == [[], [0], [1], []]


def test_verified_classes_complete_the_annotated_ones():
    found = mapped(checked((0,), (0, 0), annotated=(1,)), "a", [(0,), (0,), (1,)], ["warm", "blue"])
    assert known_in(found) == [[0], [0]]


def test_verified_classes_without_a_single_target_tell_nothing():
    found = mapped(checked((0, 1), (2,)), "a", [(), (0, 1), (1,)], ["one", "two"])
    assert known_in(found) == [[], [1]]


def test_images_keep_their_verified_classes_beside_another_data_set():
    names = ["red", "green", "blue"]
    same = [(0,), (1,), (2,)]
    plain = mapped(dataset(sample(7, (1, 1, 1, 9, 9))), "plain", [(0,), (), (2,)], names)
    found = joined(plain, [plain, mapped(checked((2,), (0, 1)), "checked", same, names)])
    assert [source.name for source in found.sources] == ["plain", "checked"]
    assert known_in(found) == [[0, 2], [2], [0, 1]]
    assert found.columns.image_ids.tolist() == [0, 1, 2]
    assert found.samples[0].labels.tolist() == [-1]


def test_a_class_that_is_verified_absent_is_counted_as_annotated():
    found = mapped(checked((2,)), "a", [(0,), (1,), (2,)], ["red", "green", "blue"])
    counts = source_counts(joined(found, [found, replace(found, sources=())]))["a"].classes
    assert counts["blue"] == 0
    assert "green" not in counts
