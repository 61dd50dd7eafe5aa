"""Boxes that are shares of the image where a format states pixels."""

from __future__ import annotations

import json
from math import nan
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maenas.detector.data.dataset import DataError
from maenas.detector.data.readers import shares
from maenas.detector.data.readers.read import read_dataset
from maenas.detector.data.readers.shares import STRAY, stray_shares
from tests.detector.data.readers.coco.test_values import OBJECT, coco
from tests.detector.data.readers.test_voc import add, entry

SHARE, OTHER = [0.1, 0.2, 0.4, 0.6], [0.5, 0.5, 1.002, 0.9]
PIXELS, FIRST_PIXEL = [10.0, 20.0, 40.0, 60.0], [0.0, 0.0, 1.0, 1.0]
ONE, MANY = [SHARE], [SHARE, OTHER]
NAN = [nan, nan, nan, nan]


def strays(boxes: list[list[float]]) -> list[int]:
    array = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    found: list[int] = stray_shares("f", array, lambda index: f"f: row {index}").tolist()
    return found


@pytest.mark.parametrize(
    "boxes",
    [ONE, MANY, [SHARE, [nan, 0.2, 0.4, 0.6]], [FIRST_PIXEL], [SHARE, [0, 0, 0, 0], NAN]],
    ids=str,
)
def test_boxes_are_shares_if_all_corners_lie_in_the_first_pixel(boxes):
    with pytest.raises(DataError, match=r"^f: every corner is in 0\.\.1, so they are shares"):
        strays(boxes)


@pytest.mark.parametrize(
    "boxes", [[[-3, 0.2, 0.4, 0.6]], [[0, 0, 0, 0]], [NAN], [], [PIXELS, FIRST_PIXEL]], ids=str
)
def test_boxes_in_pixels_have_no_strays(boxes):
    assert strays(boxes) == []


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([PIXELS, SHARE], [1]),
        ([SHARE, PIXELS, OTHER, PIXELS, PIXELS], [0, 2]),
        ([FIRST_PIXEL, FIRST_PIXEL, PIXELS, SHARE], [3]),
    ],
    ids=str,
)
def test_shares_among_boxes_in_pixels_are_found_in_any_block(monkeypatch, boxes, expected):
    monkeypatch.setattr(shares, "BLOCK", 2)
    assert strays(boxes) == expected


def test_one_box_in_pixels_does_not_hide_that_the_others_are_shares():
    message = (
        r"f: 3 of 4 boxes have every corner in 0\.\.1, so they are shares of the image; write them "
        r"in pixels \(boxes beyond 0\.\.1: 1, such as row 2\)\.$"
    )
    with pytest.raises(DataError, match=message):
        strays([SHARE, OTHER, PIXELS, FIRST_PIXEL])


def test_a_coco_file_in_shares_is_refused(tmp_path):
    path = coco(tmp_path, row=OBJECT | {"bbox": [0.1, 0.2, 0.3, 0.8]})
    with pytest.raises(DataError, match=r"set.json: every corner is in 0..1, so they are shares"):
        read_dataset(path)


def test_a_share_in_a_coco_file_is_skipped_and_named(tmp_path):
    path = coco(tmp_path)
    rows = [OBJECT, OBJECT | {"id": 6, "bbox": [0.1, 0.2, 0.3, 0.7]}]
    path.write_text(json.dumps({**json.loads(path.read_text()), "annotations": rows}))
    dataset = read_dataset(path)
    assert dataset.samples[0].boxes.tolist() == [[10, 10, 30, 30]]
    (problem,) = dataset.problems
    assert str(problem) == f"{path}: annotation 6: {STRAY}; write it in pixels"
    assert problem.skips


def test_a_share_in_a_csv_list_is_skipped_and_named(tmp_path):
    Image.new("RGB", (80, 40)).save(tmp_path / "a.png")
    path = tmp_path / "list.csv"
    path.write_text("a.png,10,10,30,30,cat\na.png,.1,.2,.3,.4,cat\n")
    dataset = read_dataset(path)
    assert dataset.samples[0].boxes.tolist() == [[10, 10, 30, 30]]
    (problem,) = dataset.problems
    assert (problem.where, problem.what) == (f"{path}:2", STRAY)


def test_each_csv_list_of_a_split_is_judged_by_its_own_boxes(tmp_path):
    Image.new("RGB", (80, 40)).save(tmp_path / "a.png")
    (tmp_path / "one.csv").write_text("a.png,10,10,30,30,cat\na.png,10,10,40,30,cat\n")
    (tmp_path / "two.csv").write_text("a.png,.1,.2,.3,.4,cat\n")
    (tmp_path / "data.yaml").write_text("train: [one.csv, two.csv]\n")
    with pytest.raises(DataError, match=r"two\.csv: every corner is in 0\.\.1"):
        read_dataset(tmp_path)


def test_a_share_in_pascal_voc_is_skipped_and_named(tmp_path):
    add(tmp_path, "a", entry("cat", 11, 11, 30, 30), entry("cat", 0.1, 0.2, 0.3, 0.4))
    dataset = read_dataset(tmp_path)
    assert dataset.samples[0].boxes.tolist() == [[10, 10, 30, 30]]
    (problem,) = dataset.problems
    xml = Path("Annotations") / "a.xml"
    assert (problem.where, problem.what) == (f"{tmp_path / xml}: object 2", STRAY)
