"""Files of data sets whose suffixes are in another case than usual."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maenas.detector.data.readers.read import open_source, read_dataset, splits_of
from tests.detector.data.readers.coco.test_values import coco
from tests.detector.data.readers.published import test_objects365, test_openimages, test_visdrone
from tests.detector.data.readers.test_voc import add, entry

LINE = "a.png,10,10,30,30,cat\n"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image of 80 x 40."""
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((40, 80, 3), dtype=np.uint8)).save(path)
    return path


def boxes(path: Path) -> list[list[float]]:
    (sample,) = read_dataset(path).samples
    made: list[list[float]] = sample.boxes.tolist()
    return made


@pytest.mark.parametrize("name", ["set.CSV", "set.Csv"])
def test_a_csv_list_may_end_in_capitals(tmp_path, image, name):
    (tmp_path / name).write_text(LINE)
    assert boxes(tmp_path / name) == [[10, 10, 30, 30]]
    (tmp_path / "data.yaml").write_text(f"train: {name}\n")
    assert boxes(tmp_path) == [[10, 10, 30, 30]]


def test_a_coco_file_may_end_in_capitals(tmp_path):
    coco(tmp_path).rename(tmp_path / "set.JSON")
    assert boxes(tmp_path / "set.JSON") == [[10, 10, 30, 30]]
    (tmp_path / "data.yaml").write_text("train: set.JSON\n")
    assert boxes(tmp_path) == [[10, 10, 30, 30]]


@pytest.mark.parametrize("name", ["data.YAML", "data.Yml", "dataset.YAML"])
def test_the_file_of_a_data_set_may_end_in_capitals(tmp_path, image, name):
    (tmp_path / "list.csv").write_text(LINE)
    (tmp_path / name).write_text("train: list.csv\n")
    assert open_source(tmp_path).path == tmp_path / name
    assert boxes(tmp_path) == boxes(tmp_path / name) == [[10, 10, 30, 30]]


@pytest.mark.parametrize("name", ["_annotations.coco.JSON", "_annotations.CSV"])
def test_an_export_of_roboflow_may_end_in_capitals(tmp_path, name):
    folder = tmp_path / "train"
    folder.mkdir()
    Image.fromarray(np.zeros((40, 80, 3), dtype=np.uint8)).save(folder / "a.png")
    rows = [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20]}]
    images = [{"id": 1, "file_name": "a.png", "width": 80, "height": 40}]
    categories = [  # the first one is the project of Roboflow, not a class
        {"id": 0, "name": "pets", "supercategory": "none"},
        {"id": 1, "name": "cat", "supercategory": "pets"},
    ]
    whole = {"images": images, "annotations": rows, "categories": categories}
    (folder / name).write_text(json.dumps(whole) if name.endswith("JSON") else LINE)
    assert splits_of(tmp_path) == ("train",)
    assert read_dataset(tmp_path).names == ("cat",)
    assert boxes(tmp_path) == [[10, 10, 30, 30]]


def test_the_files_of_pascal_voc_may_end_in_capitals(tmp_path):
    add(tmp_path, "a", entry("cat", 11, 11, 30, 30))
    add(tmp_path, "b", entry("cat", 11, 11, 30, 30))
    (tmp_path / "Annotations/a.xml").rename(tmp_path / "Annotations/a.Xml")
    (tmp_path / "ImageSets/Main").mkdir(parents=True)
    (tmp_path / "ImageSets/Main/train.TXT").write_text("a\n")
    assert boxes(tmp_path) == [[10, 10, 30, 30]]


@pytest.mark.parametrize("name", ["a.Jpg", "a.JPEG", "a.png"])
def test_an_image_of_pascal_voc_that_its_file_does_not_name_may_have_any_suffix(tmp_path, name):
    add(tmp_path, "a", entry("cat", 11, 11, 30, 30), filename="other.jpg")
    (tmp_path / "JPEGImages/a.jpg").rename(tmp_path / "JPEGImages" / name)
    assert boxes(tmp_path) == [[10, 10, 30, 30]]
    (problem,) = read_dataset(tmp_path).problems
    assert problem.what == f"filename is 'other.jpg', {name} was taken"


def test_two_images_of_one_xml_file_are_told_apart_by_its_filename(tmp_path):
    add(tmp_path, "a", entry("cat", 11, 11, 30, 30), filename="a.JPG")
    add(tmp_path, "b", entry("cat", 11, 11, 30, 30), filename="other.png")
    for stem in "ab":
        content = (tmp_path / f"JPEGImages/{stem}.jpg").read_bytes()
        (tmp_path / f"JPEGImages/{stem}.JPG").write_bytes(content)
    dataset = read_dataset(tmp_path)
    assert [sample.path.name for sample in dataset.samples] == ["a.JPG"]
    (problem,) = dataset.problems
    assert problem.what == "is there as b.jpg and as b.JPG"


@pytest.mark.parametrize("name", ["a.Png", "a.PNG"])
def test_xml_files_beside_images_are_found_by_images_in_any_case(tmp_path, image, name):
    add(tmp_path / "whole", "a", entry("cat", 11, 11, 30, 30), filename=name)
    (tmp_path / "whole/Annotations/a.xml").rename(tmp_path / "a.XML")
    image.rename(tmp_path / name)
    assert boxes(tmp_path) == [[10, 10, 30, 30]]


def test_labels_and_lists_of_yolo_may_end_in_capitals(write_yolo, tmp_path):
    path = write_yolo({"a": "0 .25 .5 .25 .5"})
    labels = tmp_path / "labels" / "train"
    (labels / "a.txt").rename(labels / "a.Txt")
    (tmp_path / "train.TXT").write_text("images/train/a.png\n")
    path.write_text("train: train.TXT\nnames: [cat]\n")
    assert boxes(path) == [[10, 10, 30, 30]]


def with_capitals(folder: Path) -> Path:
    """The same folder; suffixes of annotation files and lists are in capitals."""
    for path in [*folder.rglob("*.json"), *folder.rglob("*.csv"), *folder.rglob("*.txt")]:
        path.rename(path.with_suffix(path.suffix.upper()))
    return folder


@pytest.mark.parametrize("place", [".", "annotations"])
def test_the_file_of_objects365_may_end_in_capitals(tmp_path, place):
    images = ("train/patch0/a.jpg", "train/patch16/b.jpg")
    folder = with_capitals(test_objects365.write(tmp_path, *images, place=place))
    assert read_dataset(folder).names == ("Person", "Sneakers")


def test_the_files_of_openimages_may_end_in_capitals(tmp_path):
    dataset = read_dataset(with_capitals(test_openimages.write(tmp_path)))
    assert dataset.names[1] == "Car"
    assert dataset.objects == 1
    assert not any("hierarchy" in str(problem) for problem in dataset.problems)


def test_of_two_files_of_openimages_the_usual_one_is_read(tmp_path):
    folder = test_openimages.write(tmp_path)
    (folder / "oidv6-train-annotations-bbox.CSV").write_text("damaged")
    assert read_dataset(folder).objects == 1


def test_the_labels_of_visdrone_may_end_in_capitals(tmp_path):
    folder = with_capitals(test_visdrone.write(tmp_path, "1,2,10,20,1,1,0,0\n"))
    assert boxes(folder) == [[1, 2, 11, 22]]


def test_an_image_of_visdrone_with_two_label_files_is_left_out_with_both_names(tmp_path):
    row = "1,2,10,20,1,1,0,0\n"
    folder = test_visdrone.write(tmp_path, row)
    place = folder / "VisDrone2019-DET-train"
    (place / "annotations/a.TXT").write_text(row)
    (place / "images/b.jpg").write_bytes((place / "images/a.jpg").read_bytes())
    (place / "annotations/b.txt").write_text(row)
    dataset = read_dataset(folder)
    assert [sample.path.name for sample in dataset.samples] == ["b.jpg"]
    assert [problem.what for problem in dataset.problems] == ["is there as a.txt and as a.TXT"]
