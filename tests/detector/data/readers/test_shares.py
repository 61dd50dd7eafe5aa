"""Boxes that are shares of the image where a format states pixels."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest

from maenas.detector.data.dataset import DataError
from maenas.detector.data.readers.read import read_dataset
from maenas.detector.data.readers.shares import are_shares
from tests.detector.data.readers.coco.test_values import OBJECT, coco


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([[0.1, 0.2, 0.4, 0.6]], True),
        ([[0.1, 0.2, 0.4, 0.6], [0.5, 0.5, 1.002, 0.9]], True),
        ([[0.1, 0.2, 0.4, 0.6], [nan, 0.2, 0.4, 0.6]], True),
        ([[0.1, 0.2, 0.4, 0.6], [10, 20, 40, 60]], False),
        ([[-3, 0.2, 0.4, 0.6]], False),
        ([[0, 0, 0, 0]], False),
        ([[nan, nan, nan, nan]], False),
        ([], False),
    ],
    ids=str,
)
def test_boxes_are_shares_if_all_corners_lie_in_the_first_pixel(boxes, expected):
    assert are_shares(np.array(boxes, dtype=np.float64).reshape(-1, 4)) is expected


def test_a_coco_file_in_shares_is_refused(tmp_path):
    path = coco(tmp_path, row=OBJECT | {"bbox": [0.1, 0.2, 0.3, 0.8]})
    with pytest.raises(DataError, match=r"set.json: every corner is in 0..1, so they are shares"):
        read_dataset(path)
