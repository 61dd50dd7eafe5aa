"""Files of YOLO data sets: which are images, and where their labels are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maenas.detector.data.check import check, open_splits
from maenas.detector.data.readers.read import read_dataset

BOX = "0 .5 .5 .2 .2"


def image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((40, 80, 3), dtype=np.uint8)).save(path)
    return path


def test_hidden_images_are_no_background(write_yolo):
    path = write_yolo({"a": BOX})
    for name in (".ipynb_checkpoints/a.png", "__MACOSX/a.png", "._a.png"):
        image(path.parent / "images" / "train" / name)
    assert [sample.path.name for sample in read_dataset(path).samples] == ["a.png"]


def test_images_behind_a_link_have_their_labels_under_its_name(write_yolo, tmp_path):
    path = write_yolo({"a": BOX})
    image(tmp_path / "elsewhere" / "b.png")
    (tmp_path / "images" / "train" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "labels" / "train" / "more").mkdir()
    (tmp_path / "labels" / "train" / "more" / "b.txt").write_text("1 .5 .5 .2 .2")
    assert [sample.labels.tolist() for sample in read_dataset(path).samples] == [[0], [1]]


def test_the_suffix_of_labels_may_be_in_capitals(write_yolo, tmp_path):
    path = write_yolo({"a": f"{BOX}\nbad"})
    labels = tmp_path / "labels" / "train"
    (labels / "a.txt").rename(labels / "a.TXT")
    (labels / "lost.TXT").write_text(BOX)
    (labels / "._a.txt").write_text("left by macOS")
    splits, problems = open_splits(path)
    assert splits["train"].objects == 1
    told = [str(each) for each in check(path, splits, (64, 64))]
    assert any("a.TXT:2: is not `class" in each for each in told)
    (lost,) = (each for each in told if "without an image" in each)
    assert "label files without an image: 1, such as lost.TXT" in lost
    assert problems == []


def test_an_image_with_two_label_files_is_left_out_with_both_names(write_yolo, tmp_path):
    path = write_yolo({"a": BOX, "b": BOX})
    labels = tmp_path / "labels" / "train"
    (labels / "a.TXT").write_text("1 .5 .5 .2 .2")
    dataset = read_dataset(path)
    assert [sample.path.name for sample in dataset.samples] == ["b.png"]
    (problem,) = dataset.problems
    told = f"{labels / 'a.txt'}: is there as a.txt and as a.TXT; delete one of them"
    assert str(problem) == told
    assert problem.skips


def test_each_label_file_of_several_images_is_counted(write_yolo, tmp_path):
    path = write_yolo({"a": None, "b": BOX, "c": BOX})
    for stem in "abc":
        image(tmp_path / "images" / "train" / f"{stem}.bmp")
    (tmp_path / "labels/train/b.txt").rename(tmp_path / "labels/train/b.TXT")
    splits, _ = open_splits(path)
    told = [str(each) for each in check(path, splits, (64, 64))]
    assert any("label files of several images: 2, such as b.TXT" in each for each in told)


@pytest.mark.parametrize("suffix", [".txt", ".TXT"])
def test_labels_beside_images_are_reported_with_the_folder_they_belong_to(
    write_yolo, tmp_path, suffix
):
    path = write_yolo({"a": None, "b": None})
    folder = tmp_path / "images" / "train"
    (folder / f"a{suffix}").write_text(BOX)
    (folder / "classes.txt").write_text("cat\ndog")
    (problem,) = read_dataset(path).problems
    assert str(problem) == (
        f"{folder}: label files beside their images: 1, such as a{suffix}; they are not read; "
        f"move them to {tmp_path / 'labels' / 'train'}"
    )
    assert problem.skips
