"""Outlines of a COCO file that are not those of their objects."""

from __future__ import annotations

import json

import numpy as np
import pytest

from maenas.detector.data.check import check
from maenas.detector.data.readers.read import read_dataset
from tests.detector.data.readers.coco.test_values import OBJECT, coco

FITTING = [[10, 10, 30, 10, 30, 30]]


def read(folder, segmentation, **changed):
    row = OBJECT | {"segmentation": segmentation} | changed
    return read_dataset(coco(folder, row=row))


@pytest.mark.parametrize(
    ("segmentation", "changed"),
    [
        (FITTING, {}),
        ([[12, 11, 29, 12, 28, 28]], {}),
        ([[10, 10, 20, 10, 20, 30], [25, 12, 30, 12, 30, 14]], {}),
        ([[60, 10, 120, 10, 120, 60]], {"bbox": [60, 10, 20, 30]}),
    ],
    ids=["exact", "simplified", "in two parts", "beyond the image"],
)
def test_an_outline_that_fits_its_box_is_kept(tmp_path, segmentation, changed):
    dataset = read(tmp_path, segmentation, **changed)
    assert len(dataset.samples[0].outlines[0]) == len(segmentation)
    assert dataset.problems == ()


@pytest.mark.parametrize(
    "segmentation",
    [[[0.1, 0.2, 0.4, 0.2, 0.4, 0.7]], [[40, 10, 60, 10, 60, 30]], [[10, 10, 20, 10, 20, 20]]],
    ids=["in shares", "elsewhere", "of a part"],
)
def test_an_outline_that_does_not_fit_its_box_is_left_out_and_named(tmp_path, segmentation):
    dataset = read(tmp_path, segmentation)
    assert dataset.samples[0].outlines == ()
    assert dataset.samples[0].boxes.tolist() == [[10, 10, 30, 30]]
    assert [problem.skips for problem in dataset.problems] == [False]
    told = [str(each) for each in check(tmp_path / "set.json", {"train": dataset}, (64, 64))]
    assert any(
        "set.json: segmentation of 1 of 1 objects lies more than 3 pixels off their bbox and is "
        "not used, only bbox is, such as that of annotation 5; correct or delete it" in each
        for each in told
    )


@pytest.mark.parametrize("segmentation", [[], None, {"counts": [1, 2], "size": [40, 80]}])
def test_an_object_without_an_outline_is_no_problem(tmp_path, segmentation):
    assert read(tmp_path, segmentation).problems == ()


def test_one_problem_counts_all_outlines_that_are_left_out(tmp_path):
    path = coco(tmp_path)
    data = json.loads(path.read_text())
    parts = (FITTING, [[0.1, 0.1, 0.2, 0.1, 0.2, 0.3]], None, [[1, 1, 2, 2, 1, 2]])
    rows = [
        OBJECT | {"id": 5 + number, "bbox": [10, 10 - number / 2, 20, 20], "segmentation": part}
        for number, part in enumerate(parts)
    ]
    path.write_text(json.dumps(data | {"annotations": rows}))
    dataset = read_dataset(path)
    assert [len(outline) for outline in dataset.samples[0].outlines] == [1, 0, 0, 0]
    np.testing.assert_array_equal(dataset.samples[0].outlines[0][0].ravel(), FITTING[0])
    (problem,) = dataset.problems
    assert "segmentation of 2 of 3 objects" in problem.what
    assert "such as that of annotation 6" in problem.what
