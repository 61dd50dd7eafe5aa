"""Boxes that reach beyond their image are counted, and many of them have a cause."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from maenas.detector.data.check import check
from maenas.detector.data.dataset import Dataset
from maenas.detector.data.readers.cut_boxes import CAUSE, cut_note
from maenas.detector.data.readers.read import read_dataset
from maenas.training.plan import data_notes
from tests.detector.data.readers.coco.test_values import OBJECT, coco


def read(folder: Path, cut: int, whole: int) -> Dataset:
    """A COCO file; boxes that are cut hold corners where width and height are expected."""
    path = coco(folder)
    boxes = [[50 + number, 20, 70, 40] for number in range(cut)]
    boxes += [[number, 10, 20, 20] for number in range(whole)]
    rows = [OBJECT | {"id": 5 + number, "bbox": box} for number, box in enumerate(boxes)]
    path.write_text(json.dumps({**json.loads(path.read_text()), "annotations": rows}))
    return read_dataset(path)


def test_a_data_set_without_such_a_box_has_no_note(tmp_path):
    assert cut_note(read(tmp_path, 0, 3)) is None


@pytest.mark.parametrize(("cut", "whole", "is_many"), [(1, 9, False), (2, 9, True)])
def test_cut_boxes_are_counted_in_the_lines_of_a_training(tmp_path, cut, whole, is_many):
    dataset = read(tmp_path, cut, whole)
    place = f"{tmp_path / 'set.json'}: annotation 5"
    note = f"boxes cut at the edge of the image: {cut} of {cut + whole}, such as {place}"
    assert cut_note(dataset) == (f"{note}; {CAUSE}" if is_many else note)
    assert f"val: {cut_note(dataset)}" in data_notes(dataset, dataset)


@pytest.mark.parametrize(("whole", "is_told"), [(9, False), (8, True)])
def test_a_check_names_the_cause_of_many(tmp_path, whole, is_told):
    dataset = read(tmp_path, 1, whole)
    problems = check(dataset.source, {"train": dataset}, (640, 640))
    assert (CAUSE in [problem.fix for problem in problems]) is is_told
