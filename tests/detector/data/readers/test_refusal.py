"""What is no data set is refused with what was found in it and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from maenas.detector.data.dataset import DataError
from maenas.detector.data.readers.read import read_dataset


def files(folder: Path, *names: str) -> None:
    """Write images and text files."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".png":
            Image.new("RGB", (80, 40)).save(path)
        else:
            path.write_text("0 .5 .5 .25 .5\n")


NO_NAMES = "but neither data.yaml nor classes.txt nor obj.names, so the names of the classes are "


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ("images/train/a.png", "labels/train/a.txt", "images/val/b.png", "labels/val/b.txt"),
            f"holds images in images/train and images/val with YOLO labels, {NO_NAMES}unknown; "
            "write `train: images/train`, `val: images/val` and `names: [NAME OF CLASS 0, NAME OF "
            "CLASS 1, ..]` into {folder}/data.yaml.",
        ),
        (
            ("a.png", "a.txt"),
            f"holds its images with YOLO labels, {NO_NAMES}unknown; write `train: .` and `names: "
            "[NAME OF CLASS 0, NAME OF CLASS 1, ..]` into {folder}/data.yaml.",
        ),
        (
            ("a.png", "b.png"),
            "holds images, but no data.yaml and no labels; `maenas detect MODEL {folder}` finds "
            "objects in images without labels.",
        ),
        (
            ("images/train/a.png", "images/val/a.png"),
            "holds images in images/train and images/val, but no data.yaml and no labels; `maenas "
            "detect MODEL {folder}` finds objects in images without labels.",
        ),
        (
            ("images/a.png", "images/a.txt"),
            "holds label files beside the images in images, where they are not read; move them to "
            "{folder}/labels.",
        ),
        (
            ("images/a.png", "labels.csv"),
            "holds no data.yaml; if labels.csv lists its objects, give {folder}/labels.csv.",
        ),
        (
            ("images/a.png", "train.csv"),
            "holds no data.yaml; if train.csv lists its objects, give {folder}/train.csv.",
        ),
        (
            ("images/a.png", "notes.csv", "test.csv", "train.csv", "valid.CSV"),
            "holds no data.yaml; if train.csv, valid.CSV and test.csv list its objects, write "
            "`train: train.csv`, `val: valid.CSV` and `test: test.csv` into {folder}/data.yaml.",
        ),
        (
            ("images/a.png", "annotations/all.json"),
            "holds no data.yaml; if annotations/all.json lists its objects, write `train: "
            "annotations/all.json` into {folder}/data.yaml.",
        ),
        (
            ("images/a.png", "annotations/a.xml"),
            "holds .xml files in annotations and images in images; for Pascal VOC, name these "
            "folders Annotations and JPEGImages.",
        ),
        (("sets/data.yaml",), "is no data set, but {folder}/sets is one."),
        (
            ("one/images/a.png", "one/labels/a.txt", "one/classes.txt"),
            "is no data set, but {folder}/one is one.",
        ),
    ],
)
def test_a_folder_is_refused_with_what_it_holds(tmp_path, names, message):
    files(tmp_path, *names)
    if "sets/data.yaml" in names:
        (tmp_path / "sets/data.yaml").write_text("train: images\n")
    with pytest.raises(DataError) as raised:
        read_dataset(tmp_path)
    assert str(raised.value) == f"{tmp_path}: {message.replace('{folder}', str(tmp_path))}"


@pytest.mark.parametrize("name", ["images", "images/train", "labels"])
def test_a_part_of_a_data_set_names_the_data_set(tmp_path, name):
    files(tmp_path, "images/train/a.png", "labels/train/a.txt", "classes.txt")
    with pytest.raises(DataError) as raised:
        read_dataset(tmp_path / name)
    assert str(raised.value) == f"{tmp_path / name}: is no data set, but {tmp_path} is one."


def test_a_data_set_around_a_folder_with_a_name_of_its_own_is_not_meant(tmp_path):
    files(tmp_path, "images/train/a.png", "labels/train/a.txt", "classes.txt", "other/a.png")
    with pytest.raises(DataError, match="other: holds images, but no data"):
        read_dataset(tmp_path / "other")


def test_an_empty_folder_is_refused_with_what_a_data_set_may_be(tmp_path):
    with pytest.raises(DataError, match=r"holds no data\.yaml and no images, and is not a .* COCO"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("set.zip", "is an archive; unpack it, and give the folder."),
        ("a.png", "is a part of a data set at most; give its folder, such as {folder}."),
        ("classes.txt", "is a part of a data set at most; give its folder, such as {folder}."),
    ],
)
def test_a_file_is_refused_with_what_to_give(tmp_path, name, message):
    files(tmp_path, name)
    with pytest.raises(DataError) as raised:
        read_dataset(tmp_path / name)
    told = message.replace("{folder}", str(tmp_path))
    assert str(raised.value) == f"{tmp_path / name}: {told}"
