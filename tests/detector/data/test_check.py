"""`check`: every kind of trouble is found, named and counted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from maenas.detector.data.check import check, open_splits, summary
from maenas.detector.data.dataset import DataError, DataProblem
from maenas.detector.data.readers.read import read_dataset

SIZE = 640, 640
FINE = "0 .3 .5 .2 .6\n1 .7 .5 .2 .6\n" * 1


def found(path: Path) -> list[DataProblem]:
    splits, problems = open_splits(path)
    return problems + check(path, splits, SIZE)


def words(problems: list[DataProblem], severity: str) -> str:
    return "\n".join(str(problem) for problem in problems if problem.severity == severity)


@pytest.fixture
def one_split(write_yolo):
    """Writes a set whose `data.yaml` names only the training images."""

    def write(labels: dict[str, str | None]) -> Path:
        path = write_yolo(labels)
        path.write_text("train: images/train\nnames: [cat, dog]\n")
        return path

    return write


def test_nothing_is_wrong_with_a_good_set(one_split):
    assert found(one_split({f"{n}": FINE for n in range(10)})) == []


def test_a_damaged_image_is_warned_of_and_skipped(one_split):
    path = one_split({f"{n}": FINE for n in range(11)})
    image = path.parent / "images/train/3.png"
    image.write_bytes(image.read_bytes()[:2000])  # its header is whole
    (problem,) = found(path)
    assert (problem.severity, problem.group, problem.where) == ("warning", "images", str(image))
    assert problem.skips
    splits, _ = open_splits(path)
    assert check(path, splits, SIZE, most=0) == []


def test_boxes_hard_to_see_and_pairs_of_one_object_are_warned_of(one_split):
    labels = {f"{n}": FINE for n in range(10)}
    labels["0"] += "0 .5 .1 .003 .003"
    labels["1"] += "0 .301 .5 .2 .6"
    told = words(found(one_split(labels)), "warning")
    assert "0.png: boxes less than 3 pixels at the input: 1 of 3" in told
    assert "1.png: pairs of boxes of one class that overlap by more than 0.95: 1" in told


def test_rare_classes_and_missing_labels_are_warned_of(one_split):
    labels = {f"{n}": None for n in range(10)} | {"x": "0 .5 .5 .2 .2"}
    told = words(found(one_split(labels)), "warning")
    assert "objects of class 'cat': 1" in told
    assert "objects of class 'dog': 0" in told
    assert "images without a label: 10 of 11" in told


def test_a_set_without_objects_is_an_error(one_split):
    assert "no image has an object" in words(found(one_split({"a": None})), "error")


def test_images_in_two_splits_are_warned_of(write_yolo):
    told = words(found(write_yolo({f"{n}": FINE for n in range(10)})), "warning")
    assert "images in both train and val: 10" in told


def test_copies_of_images_in_two_splits_are_warned_of(write_yolo):
    path = write_yolo({f"{n}": FINE for n in range(10)})
    for folder in ("images", "labels"):
        shutil.copytree(path.parent / folder / "train", path.parent / folder / "val")
    path.write_text(path.read_text().replace("val: images/train", "val: images/val"))
    other = path.parent / "images/val/9.png"
    Image.open(other).rotate(180).save(other)
    assert "images in both train and val: 9; remove them" in words(found(path), "warning")
    splits, _ = open_splits(path)
    assert "in both" not in words(check(path, splits, SIZE, most=0), "warning")


def test_a_class_that_a_split_lacks_is_named(tmp_path, write_yolo):
    write_yolo({"a": FINE})
    for split, classes in (("train", ["cat", "dog"]), ("val", ["cat"])):
        about = {"id": 1, "file_name": "images/train/a.png"}
        categories = [{"id": number, "name": name} for number, name in enumerate(classes)]
        row = {"id": 1, "image_id": 1, "category_id": 0, "bbox": [1, 2, 30, 20]}
        content = {"images": [about], "annotations": [row], "categories": categories}
        (tmp_path / f"{split}.json").write_text(json.dumps(content))
    path = tmp_path / "data.yaml"
    path.write_text("train: train.json\nval: val.json\n")
    assert "in the same order: 'dog' is a class of train alone; " in words(found(path), "error")


def test_a_set_whose_labels_are_all_skipped_names_one(one_split):
    problems = found(one_split({"a": "0 12 5 9 9\n1 7 5 9 9\n"}))
    (problem,) = (each for each in problems if each.severity == "error")
    assert problem.what == "no label can be used"
    assert problem.fix.startswith("correct 2, such as ")
    assert "a.txt:1: holds 12, but coordinates are shares" in problem.fix


def test_a_split_that_cannot_be_read_does_not_hide_the_other(write_yolo):
    path = write_yolo({f"{n}": FINE for n in range(10)})
    path.write_text("train: images/train\nval: images/gone\nnames: [cat, dog]\n")
    problems = found(path)
    assert [problem.group for problem in problems] == ["files"]
    assert "nothing is at" in str(problems[0])
    path.write_text("names: [cat, dog]\n")
    with pytest.raises(DataError, match="names no split"):
        found(path)


def test_what_is_wrong_with_the_file_is_told_once_for_all_splits(write_yolo):
    path = write_yolo({f"{n}": FINE for n in range(10)}, names="[cat, cat]")
    (problem,) = found(path)
    assert "names: must differ, got 'cat' more than once; nothing of train and val" in str(problem)


def test_a_set_to_validate_on_alone_is_warned_of(one_split):
    path = one_split({f"{n}": FINE for n in range(10)})
    path.write_text(path.read_text().replace("train:", "val:", 1))
    assert "has no train split; add `train: FOLDER`" in words(found(path), "warning")


def test_label_files_without_an_image_are_warned_of(one_split):
    path = one_split({f"{n}": FINE for n in range(10)})
    (path.parent / "labels/train/lost.txt").write_text(FINE)
    (path.parent / "labels/train/classes.txt").write_text("cat\ndog\n")
    (problem,) = found(path)
    assert "labels/train: label files without an image: 1, such as lost.txt" in str(problem)


def test_a_label_file_of_two_images_is_warned_of(one_split):
    path = one_split({f"{n}": FINE for n in range(10)})
    folder = path.parent / "images/train"
    (folder / "3.PNG").write_bytes((folder / "3.png").read_bytes())
    (problem,) = found(path)
    assert "label files of several images: 1, such as 3.txt" in str(problem)


def test_the_summary_counts(one_split):
    path = one_split({"a": FINE, "b": None, "c": "5 .5 .5 .1 .1"})
    splits, problems = open_splits(path)
    told = summary(path, splits, problems + check(path, splits, SIZE, most=0)).to_json()
    assert told["splits"]["train"] == {
        "images": 2,
        "background": 1,
        "objects": 2,
        "crowds": 0,
        "left_out": 1,
        "classes": {"cat": 1, "dog": 1},
    }
    assert told["errors"] == 0
    assert told["warnings"] == 4
    assert told["skipped"] == 2
    assert told["problems"][0]["where"].endswith("c.txt:1")


def test_a_missing_test_split_is_a_warning_and_a_missing_val_split_an_error(write_yolo):
    path = write_yolo({"a": "0 .5 .5 .5 .5"})
    text = path.read_text()
    path.write_text(text + "test: images/gone\n")
    (problem,) = open_splits(path)[1]
    assert problem.severity == "warning"
    assert "nothing of test was checked" in problem.fix
    path.write_text(text.replace("val: images/train", "val: images/gone"))
    (problem,) = open_splits(path)[1]
    assert problem.severity == "error"


def test_as_many_images_are_read_as_asked_evenly_spread(write_yolo):
    path = write_yolo({f"{n}": "0 .5 .5 .5 .5" for n in range(5)})
    (path.parent / "images/train/4.png").write_bytes(
        (path.parent / "images/train/4.png").read_bytes()[:-300]
    )
    splits = {"train": read_dataset(path)}
    for most, read, damaged in ((None, 5, 1), (5, 5, 1), (3, 3, 1), (1, 1, 0), (0, 0, 0)):
        done: list[None] = []
        problems = check(path, splits, SIZE, most, lambda done=done: done.append(None))
        assert len(done) == read
        assert sum(problem.group == "images" for problem in problems) == damaged
