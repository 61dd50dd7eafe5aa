"""Numbers, truth values and names in COCO files as tools write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maenas.detector.data.check import check
from maenas.detector.data.dataset import DataError
from maenas.detector.data.readers.read import read_dataset
from maenas.detector.data.readers.values import class_name, real, truth, whole

IMAGE = {"id": 1, "file_name": "x.png", "width": 80, "height": 40}
OBJECT = {"id": 5, "image_id": 1, "category_id": 2, "bbox": [10, 10, 20, 20]}
CATEGORY = {"id": 2, "name": "cat"}


def coco(folder: Path, image: Any = IMAGE, row: Any = OBJECT, category: Any = CATEGORY) -> Path:
    (folder / "images").mkdir(exist_ok=True)
    Image.fromarray(np.zeros((40, 80, 3), dtype=np.uint8)).save(folder / "images" / "x.png")
    data = {"images": [image], "annotations": [row], "categories": [category]}
    path = folder / "set.json"
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize(
    ("image", "row", "category"),
    [
        ({"width": 80.0, "height": 40.0}, {}, {}),
        ({"width": "80", "height": "40"}, {}, {}),
        ({"width": None, "height": None}, {}, {}),
        ({"width": None}, {}, {}),
        ({"id": 1.0}, {"image_id": 1}, {}),
        ({"id": "000001"}, {"image_id": "000001"}, {}),
        ({"id": "first"}, {"image_id": "first"}, {}),
        ({}, {"category_id": 2.0}, {"id": "2"}),
        ({"file_name": None, "coco_url": "http://host/val2017/x.png"}, {}, {}),
        ({"file_name": "a\\x.png", "coco_url": ""}, {}, {}),
        ({}, {"bbox": ["10", "10", "20", "20.0"]}, {}),
        ({}, {"iscrowd": "0", "ignore": "false"}, {}),
    ],
    ids=str,
)
def test_what_is_unambiguous_is_read(tmp_path, image, row, category):
    path = coco(tmp_path, IMAGE | image, OBJECT | row, CATEGORY | category)
    if "coco_url" in image and image["file_name"]:
        (tmp_path / "images" / "a").mkdir()
        (tmp_path / "images/x.png").rename(tmp_path / "images/a/x.png")
    (sample,) = read_dataset(path).samples
    assert sample.size == (40, 80)
    assert sample.boxes.tolist() == [[10, 10, 30, 30]]
    assert sample.crowd.tolist() == [False]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ({"width": 80.5}, "must be whole and positive, got 40 and 80.5"),
        ({"width": 2**31}, "must be whole and positive, got 40 and 2147483648"),
        ({"width": None, "height": -1}, "must be whole and positive, got -1 and None"),
        ({"id": 2**70}, "id must be a whole number of at most 9,007,199,254,740,992 or text"),
        ({"id": 2.0**70}, "id must be a whole number of at most 9,007,199,254,740,992 or text"),
        ({"file_name": ["a"]}, r"file_name must be text, got \['a'\]"),
        ({"file_name": 12}, "file_name must be text, got 12"),
        ({"file_name": ""}, "file_name must be text, got ''"),
        ({"file_name": "a\0b"}, "holds a NUL"),
        ({"file_name": "a" * 5000}, "is too long: 5,000 bytes"),
        ({"width": "eighty"}, "must be whole and positive"),
        ({"id": None}, "id must be a whole number or text, got None"),
        ({"id": [1]}, r"id must be a whole number or text, got \[1\]"),
        ({"file_name": None}, "lacks a `file_name`"),
        ({"file_name": "../x.png"}, "'../x.png' leads out of the image folder"),
        ({"file_name": "..\\x.png"}, "leads out of the image folder"),
        ({"file_name": "/etc/x.png"}, "'/etc/x.png' leads out of the image folder"),
    ],
    ids=str,
)
def test_the_reason_is_told_where_no_image_can_be_used(tmp_path, image, message):
    path = coco(tmp_path, IMAGE | image)
    with pytest.raises(DataError, match=f"lists no image that can be used, such as .*{message}"):
        read_dataset(path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"category_id": [1]}, "belongs to category_id [1], which is not an id"),
        ({"category_id": None}, "belongs to category_id None, which is not an id"),
        ({"image_id": [1]}, "belongs to image_id [1], which is not an id"),
        ({"image_id": "other"}, "belongs to image_id other, which is not among the images"),
        ({"bbox": {"x": 1}}, "bbox must be [x, y, width, height] in pixels"),
        ({"bbox": [1, 2, 3, True]}, "bbox must be [x, y, width, height] in pixels"),
        ({"iscrowd": "perhaps"}, "iscrowd must be 0 or 1, got 'perhaps'"),
        ({"ignore": 7}, "ignore must be 0 or 1, got 7"),
    ],
    ids=str,
)
def test_a_bad_value_is_named_with_its_annotation(tmp_path, row, message):
    dataset = read_dataset(coco(tmp_path, row=OBJECT | row))
    assert f"set.json: annotation 5: {message}" in str(dataset.problems[0])
    assert dataset.objects == 0


def test_what_is_no_object_in_a_list_is_named(tmp_path):
    path = coco(tmp_path)
    data = json.loads(path.read_text())
    for key in ("images", "categories"):
        path.write_text(json.dumps(data | {key: ["x.png"]}))
        with pytest.raises(DataError, match=rf"{key}\[0\]: must be an object, got text"):
            read_dataset(path)


def test_categories_of_one_name_are_refused_with_their_ids(tmp_path):
    path = coco(tmp_path)
    data = json.loads(path.read_text())
    path.write_text(json.dumps(data | {"categories": [CATEGORY, CATEGORY | {"id": 7}]}))
    with pytest.raises(DataError, match="names must differ, got 'cat' for ids 2 and 7"):
        read_dataset(path)


def test_an_image_that_is_listed_twice_is_refused(tmp_path):
    path = coco(tmp_path)
    data = json.loads(path.read_text())
    for name in ("x.png", "./x.png"):
        again = IMAGE | {"id": 2, "file_name": name}
        path.write_text(json.dumps(data | {"images": [IMAGE, again]}))
        with pytest.raises(DataError, match=r"images\[1\] names '.*' as images\[0\] does"):
            read_dataset(path)


def test_an_id_of_two_images_is_refused_unless_they_are_one_file(tmp_path):
    path = coco(tmp_path)
    data = json.loads(path.read_text())
    path.write_text(json.dumps(data | {"images": [IMAGE, IMAGE | {"file_name": "y.png"}]}))
    said = r"images\[0\] and images\[1\] have one id, 1, but two files, 'x.png' and 'y.png'"
    with pytest.raises(DataError, match=said):
        read_dataset(path)
    path.write_text(json.dumps(data | {"images": [IMAGE, IMAGE | {"file_name": "./x.png"}]}))
    dataset = read_dataset(path)
    assert dataset.objects == 1
    assert "images[1], id 1: id 1 is given twice" in str(dataset.problems[0])


def test_an_image_gets_no_objects_of_an_unusable_one_with_its_id(tmp_path):
    path = coco(tmp_path)
    data = json.loads(path.read_text())
    images = [IMAGE | {"file_name": 3}, IMAGE, IMAGE | {"id": 2}]
    path.write_text(json.dumps(data | {"images": images}))
    dataset = read_dataset(path)
    assert [sample.image_id for sample in dataset.samples] == [2]
    assert dataset.objects == 0


def test_an_empty_file_is_called_empty(tmp_path):
    path = coco(tmp_path)
    path.write_text(" \n")
    with pytest.raises(DataError, match=r"set\.json: is empty\."):
        read_dataset(path)


def test_a_size_that_is_not_the_image_s_may_be_corrected_in_the_file(tmp_path):
    path = coco(tmp_path, IMAGE | {"width": 64})
    problems = check(path, {"train": read_dataset(path)}, (64, 64))
    assert "correct the size in the annotation file" in " ".join(map(str, problems))


def test_objects_that_look_like_annotations_elsewhere_are_no_annotations(tmp_path):
    path = coco(tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "predictions": [OBJECT, OBJECT]}))
    assert read_dataset(path).objects == 1


def test_results_number_images_by_their_place_where_ids_are_text(tmp_path):
    dataset = read_dataset(coco(tmp_path, IMAGE | {"id": "a"}, OBJECT | {"image_id": "a"}))
    assert dataset.samples[0].image_id == 0
    assert "number the images by their index" in str(dataset.problems[0])


@pytest.mark.parametrize("name", ["a\x1b[2J", "a\nerror: x", "", " ", "x" * 300, None, ["a"]])
def test_a_class_needs_a_name_that_can_be_printed(tmp_path, name):
    with pytest.raises(DataError, match=r"categories\[0\]: name: ") as raised:
        read_dataset(coco(tmp_path, category=CATEGORY | {"name": name}))
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 200 + len(str(tmp_path))


def test_a_file_that_no_parser_survives_is_one_line(tmp_path):
    path = coco(tmp_path)
    for content in ("[" * 100_000, '{"images": ' + "9" * 5000 + "}", "{", '"x"', "\x00"):
        path.write_text(content)
        with pytest.raises(DataError, match=r"set\.json: is no") as raised:
            read_dataset(path)
        assert len(str(raised.value)) < 300 + len(str(tmp_path))


def test_the_folders_that_roboflow_writes_are_read(tmp_path):
    root = {"id": 0, "name": "cells", "supercategory": "none"}
    cat = {"id": 1, "name": "cat", "supercategory": "cells"}
    for name in ("train", "valid"):
        folder = tmp_path / name
        folder.mkdir()
        path = coco(folder, row=OBJECT | {"category_id": 1})
        data = json.loads(path.read_text()) | {"categories": [root, cat]}
        path.unlink()
        (folder / "images/x.png").rename(folder / "x.png")
        (folder / "_annotations.coco.json").write_text(json.dumps(data))
    for split in ("train", "val"):
        dataset = read_dataset(tmp_path, split)
        assert dataset.names == ("cat",)
        assert dataset.objects == 1


def test_a_value_is_read_as_one_thing_or_not_at_all():
    assert [whole(v) for v in (640, 640.0, "640", " 7 ")] == [640, 640, 640, 7]
    assert [whole(v) for v in (True, 640.5, "640.0", "x", None, [1], 10**400, "9" * 99)] == [
        None
    ] * 8
    assert [real(v) for v in (1, 1.5, "1.5")] == [1, 1.5, 1.5]
    others = [True, None, "x", [1], 10**400, "0_5", "\u0660.5"]
    assert [real(v) for v in others] == [None] * 7
    assert [truth(v) for v in (None, 0, 0.0, "0", "False", False)] == [False] * 6
    assert [truth(v) for v in (1, 1.0, "1", "true", True)] == [True] * 5
    assert [truth(v) for v in (2, "no", "")] == [None] * 3
    assert truth([]) is None
    assert truth({}) is None
    assert class_name("x", 3) == "3"
