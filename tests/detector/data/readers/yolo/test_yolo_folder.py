"""Folders of YOLO labels without a `data.yaml`, as labelling tools leave them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from maenas.detector.data.check import check, open_splits
from maenas.detector.data.dataset import DataError
from maenas.detector.data.readers.read import names_of, read_dataset, splits_of
from maenas.detector.data.readers.yolo.folder import label_file

ROW = "1 .5 .5 .25 .5\n"


def labelled(*images: Path, row: str = ROW) -> None:
    """Write images with a label file each, where it is read."""
    for image in images:
        for path in (image, label_file(image)):
            path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (80, 40)).save(image)
        label_file(image).write_text(row)


@pytest.mark.parametrize(
    ("images", "names", "splits"),
    [
        (("images/train/a.png", "images/val/b.png"), "classes.txt", ("train", "val")),
        (("images/train/a.png", "images/valid/b.png"), "labels/classes.txt", ("train", "val")),
        (("images/train/one/a.png",), "labels/train/classes.txt", ("train",)),
        (("train/images/a.png", "test/images/b.png"), "classes.txt", ("train", "test")),
        (("images/a.png",), "obj.names", ("train",)),
        (("a.png",), "classes.txt", ("train",)),
        (("train/a.png", "val/b.png"), "train/classes.txt", ("train", "val")),
    ],
)
def test_a_folder_with_a_list_of_classes_needs_no_yaml(tmp_path, images, names, splits):
    labelled(*(tmp_path / image for image in images))
    (tmp_path / names).write_text("cat\ndog\n\n")
    assert splits_of(tmp_path) == splits
    assert names_of(tmp_path) == ("cat", "dog")
    for split, image in zip(splits, images, strict=True):
        dataset = read_dataset(tmp_path, split)
        assert [sample.path for sample in dataset.samples] == [tmp_path / image]
        assert dataset.samples[0].boxes.tolist() == [[30, 10, 50, 30]]
        assert dataset.samples[0].labels.tolist() == [1]
        assert dataset.problems == ()


def test_a_check_of_such_a_folder_takes_no_list_for_labels(tmp_path):
    labelled(*(tmp_path / f"images/train/{number}.png" for number in range(10)))
    (tmp_path / "labels/train/classes.txt").write_text("cat\ndog\n")
    splits, problems = open_splits(tmp_path)
    told = " ".join(map(str, problems + check(tmp_path, splits, (64, 64))))
    assert "classes.txt" not in told


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"classes\.txt: is empty; write the name of a class in each line\.$"),
        ("cat\n\ndog\n", r"classes\.txt: names\[1\]: must be text of 1 to 200 characters"),
        ("cat\ncat\n", r"classes\.txt: names: must differ, got 'cat' more than once\.$"),
    ],
)
def test_a_list_of_classes_that_cannot_be_right_is_refused(tmp_path, text, message):
    labelled(tmp_path / "a.png")
    (tmp_path / "classes.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        read_dataset(tmp_path)


def test_lists_of_classes_that_differ_are_both_named(tmp_path):
    labelled(tmp_path / "images/train/a.png", tmp_path / "images/val/b.png")
    for split, text in (("train", "cat\ndog"), ("val", "dog\ncat")):
        (tmp_path / f"labels/{split}/classes.txt").write_text(text)
    with pytest.raises(DataError, match=r"val/classes\.txt: lists other .* than .*train/classes"):
        read_dataset(tmp_path)


def test_a_split_without_a_folder_is_refused_with_those_that_have_one(tmp_path):
    labelled(tmp_path / "images/train/a.png")
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    with pytest.raises(DataError, match="has no split 'val', but train"):
        read_dataset(tmp_path, "val")


def test_rows_that_are_undecided_name_the_yaml_to_write(tmp_path):
    labelled(tmp_path / "a.png", row="1 .5 .5 .25 .5 .5 .5\n")
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    with pytest.raises(DataError, match=f"say which in {tmp_path / 'data.yaml'}: "):
        read_dataset(tmp_path)
