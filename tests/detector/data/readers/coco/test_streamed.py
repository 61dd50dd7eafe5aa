"""COCO files that are read piece by piece give the data sets of those that are read at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maenas.detector.data.dataset import DataError
from maenas.detector.data.index.columns import arrays_of
from maenas.detector.data.readers import clean, reading
from maenas.detector.data.readers.coco import annotations as coco_annotations
from maenas.detector.data.readers.coco.reader import read_coco

ODD: list[Any] = [
    {"id": 5, "image_id": 1, "bbox": [1, 1, 5, 5], "category_id": 9},
    {"id": 6, "image_id": 77, "bbox": [1, 1, 5, 5], "category_id": 3},
    {"id": 7, "image_id": 1, "bbox": [1, 1, "x", 5], "category_id": 3},
    {"id": 8, "image_id": 4, "bbox": [0, 0, -1, 5], "category_id": 3},
    {"id": 9},
    "text",
]


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """A file with five usable images, outlines, crowds and everything that can be wrong."""
    (tmp_path / "images").mkdir()
    for number in range(6):
        Image.new("RGB", (80, 40)).save(tmp_path / "images" / f"{number}.png")
    images: list[Any] = [
        {"id": number, "file_name": f"{number}.png", "height": 40, "width": 80}
        for number in range(6)
    ]
    images += [{"id": 1, "file_name": "1.png"}, {"id": 9, "file_name": "gone.png"}, {"id": []}, 3]
    rng = np.random.default_rng(0)
    rows: list[Any] = [
        {
            "id": 10 + number,
            "image_id": int(rng.integers(0, 4)),
            "bbox": rng.integers(1, 30, 4).tolist(),
            "category_id": int(rng.choice([3, 7])),
            "iscrowd": int(number % 5 == 0),
            "segmentation": [[1, 1, 9, 1, 9, number]] if number % 2 else {"counts": [1, 2]},
        }
        for number in range(30)
    ]
    data = {
        "info": {"image_id": 1, "bbox": "of the info"},
        "images": images,
        "annotations": rows + ODD,
        "categories": [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}],
    }
    path = tmp_path / "set.json"
    path.write_text(json.dumps(data))
    return path


def test_a_streamed_file_gives_the_same_data_set(
    coco: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = read_coco(coco, coco.parent)
    monkeypatch.setattr(coco_annotations, "STREAMED", 0)
    monkeypatch.setattr(clean, "BLOCK", 4)
    streamed = read_coco(coco, coco.parent)
    assert streamed.names == at_once.names == ("cat", "dog")
    assert set(streamed.problems) == set(at_once.problems)
    assert len(at_once.problems) > 8
    for name, array in arrays_of(streamed.columns).items():
        assert np.array_equal(array, arrays_of(at_once.columns)[name]), name


def test_the_share_that_was_read_is_logged(
    coco: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(coco_annotations, "STREAMED", 0)
    monkeypatch.setattr(reading, "LOG_EVERY_S", 0.0)
    with caplog.at_level("INFO", "maenas"):
        read_coco(coco, coco.parent)
    assert caplog.messages[0].endswith("set.json: 100% of 0.0 GB read, about 0 s left")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no JSON: Expecting '{': line 1 column 1"),
        ('{"images": [],\n "annotations": [{]}', "is no JSON: Expecting property name .*: line 2"),
        ('{"images": [], "annotations": []}', "lacks a list of categories"),
        ('{"images": {}, "annotations": [], "categories": []}', "lacks a list of images"),
        ("[]", "is no JSON: Expecting '{': line 1 column 1"),
    ],
)
def test_a_large_file_that_is_no_coco_file_is_refused(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coco_annotations, "STREAMED", -1)
    path = tmp_path / "set.json"
    path.write_text(text)
    with pytest.raises(DataError, match=rf"set\.json: .*{said}"):
        read_coco(path, tmp_path)
