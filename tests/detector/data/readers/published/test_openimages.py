"""OpenImages: shares become pixels, groups regions to ignore, and classes are checked by image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.readers.read import names_of, read_dataset, splits_of

CLASSES = "/m/0,Vehicle\n/m/1,Car\n/m/2,Boat\n/m/3,Person\n/m/4,Man\n"
HIERARCHY = {
    "LabelName": "/m/root",
    "Subcategory": [
        {"LabelName": "/m/0", "Subcategory": [{"LabelName": "/m/1"}, {"LabelName": "/m/2"}]},
        {"LabelName": "/m/3", "Subcategory": [{"LabelName": "/m/4"}]},
    ],
}
BOXES = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsGroupOf\n"
LABELS = "ImageID,Source,LabelName,Confidence\n"
CAR = "a,xclick,/m/1,1,0.25,0.5,0.1,0.9,0\n"
Files = Mapping[str, str | None]


def write(folder: Path, files: Files | None = None) -> Path:
    """A data set of the images a and b, 40 x 80, and some files; None leaves a file out."""
    usual: dict[str, str | None] = {
        "class-descriptions-boxable.csv": CLASSES,
        "bbox_labels_600_hierarchy.json": json.dumps(HIERARCHY),
        "oidv6-train-annotations-bbox.csv": BOXES + CAR,
        "train-annotations-human-imagelabels-boxable.csv": LABELS,
    }
    for name, text in {**usual, **(files or {})}.items():
        if text is not None:
            (folder / name).write_text(text)
    (folder / "train").mkdir()
    for stem in "ab":
        Image.fromarray(np.zeros((40, 80, 3), np.uint8)).save(folder / "train" / f"{stem}.jpg")
    return folder


def boxes(*rows: str) -> dict[str, str | None]:
    return {"oidv6-train-annotations-bbox.csv": BOXES + "".join(rows)}


def annotated(dataset: Dataset) -> list[list[str]]:
    known = [dataset.annotated(index) for index in range(len(dataset))]
    names = np.array(dataset.names)
    return [names[each].tolist() for each in known if each is not None]


def test_boxes_are_pixels_and_groups_are_regions_to_ignore(tmp_path):
    group = "b,xclick,/m/3,1,0,1,0.5,1,1\n"
    dataset = read_dataset(write(tmp_path, boxes(CAR, group)))
    assert dataset.names == ("Vehicle", "Car", "Boat", "Person", "Man")
    first, second = dataset.samples
    assert first.boxes.tolist() == pytest.approx(np.array([[20, 4, 40, 36]]))
    assert (first.labels.tolist(), first.crowd.tolist()) == ([1], [False])
    assert second.boxes.tolist() == pytest.approx(np.array([[0, 20, 80, 40]]))
    assert (second.labels.tolist(), second.crowd.tolist()) == ([3], [True])


def test_absent_classes_and_those_below_them_are_annotated(tmp_path):
    labels = LABELS + "a,verification,/m/3,0\nb,verification,/m/1,0\nb,verification,/m/0,1\n"
    files = {"train-annotations-human-imagelabels-boxable.csv": labels}
    dataset = read_dataset(write(tmp_path, files))
    assert annotated(dataset) == [["Car", "Person", "Man"], ["Car"]]
    assert len(dataset.samples[1].labels) == 0


def test_a_class_above_a_box_is_not_annotated(tmp_path):
    man = "a,xclick,/m/4,1,0.1,0.2,0.1,0.2,0\n"
    person = "a,xclick,/m/3,1,0.5,0.6,0.1,0.2,0\n"
    dataset = read_dataset(write(tmp_path, boxes(man, person)))
    assert annotated(dataset) == [["Man"]]


def test_boxes_are_copied_to_the_classes_above_where_data_yaml_says_so(tmp_path):
    write(tmp_path)
    (tmp_path / "data.yaml").write_text("format: openimages\nexpand: true\n")
    dataset = read_dataset(tmp_path)
    assert dataset.samples[0].labels.tolist() == [1, 0]
    assert annotated(dataset) == [["Vehicle", "Car"]]
    (tmp_path / "data.yaml").write_text("format: openimages\nexpand: much\n")
    with pytest.raises(DataError, match="expand: must be true or false, got 'much'"):
        read_dataset(tmp_path)


def test_without_labels_of_images_nothing_is_known_to_be_absent(tmp_path):
    files = {"train-annotations-human-imagelabels-boxable.csv": None}
    dataset = read_dataset(write(tmp_path, files))
    assert annotated(dataset) == [["Car"]]
    assert any("no class is known to be absent" in str(each) for each in dataset.problems)


def test_files_of_a_challenge_and_of_other_folders_are_found(tmp_path):
    folder = tmp_path / "challenge"
    (folder / "annotations").mkdir(parents=True)
    write(folder)
    for path in list(folder.glob("*.*")):
        path.unlink()
    files = folder / "annotations"
    (files / "challenge-2019-classes-description-500.csv").write_text(CLASSES)
    (files / "challenge-2019-train-detection-bbox.csv").write_text(BOXES + CAR)
    assert splits_of(folder) == ("train",)
    assert len(read_dataset(folder)) == 1


def test_images_that_are_not_there_are_counted_and_strangers_left_out(tmp_path):
    lost = "c,xclick,/m/1,1,0.25,0.5,0.1,0.9,0\n"
    dataset = read_dataset(write(tmp_path, boxes(CAR, lost)))
    assert [sample.path.name for sample in dataset.samples] == ["a.jpg"]
    found = [str(each) for each in dataset.problems]
    assert any("not on the disk: 1;" in line for line in found)
    assert any("images without boxes or labels: 1, such as b.jpg" in line for line in found)


def test_two_classes_of_one_name_are_told_apart_by_their_ids(tmp_path):
    files = {"class-descriptions-boxable.csv": CLASSES + "/m/5,Car\n"}
    names = read_dataset(write(tmp_path, files)).names
    assert names[1] == "Car (/m/1)"
    assert names[5] == "Car (/m/5)"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,x,/m/1,1,0.5,0.25,0.1,0.9,0\n", "has a width or height of zero or less"),
        ("a,x,/m/1,1,20,40,4,36,0\n", r"bbox.csv:3: must be shares from 0 to 1"),
        ("a,x,/m/1,1,one,0.5,0.1,0.9,0\n", r"bbox.csv:3: must be shares of the image"),
        ("a,x,/m/9,1,0.1,0.5,0.1,0.9,0\n", "boxes of class '/m/9', which the file of the classes"),
    ],
)
def test_a_box_that_cannot_be_used_is_a_problem_with_its_line(tmp_path, row, message):
    dataset = read_dataset(write(tmp_path, boxes(CAR, row)))
    assert len(dataset.samples[0].labels) == 1
    with pytest.raises(DataError, match=message):
        raise DataError("\n".join(map(str, dataset.problems)))


@pytest.mark.parametrize("file", ["class-descriptions-boxable.csv"])
def test_boxes_without_the_names_of_the_classes_name_the_file_to_add(tmp_path, file):
    folder = write(tmp_path, {file: None})
    for read in (read_dataset, names_of):
        with pytest.raises(DataError, match=f"put {file} beside it"):
            read(folder)


def test_a_missing_hierarchy_is_a_problem(tmp_path):
    name = "bbox_labels_600_hierarchy.json"
    whole, without = tmp_path / "whole", tmp_path / "without"
    for folder, files in ((whole, {}), (without, {name: None})):
        folder.mkdir()
        write(folder, files)
    assert not any("has no hierarchy" in each.what for each in read_dataset(whole).problems)
    (found,) = (each for each in read_dataset(without).problems if "has no hierarchy" in each.what)
    assert name in found.fix


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"oidv6-train-annotations-bbox.csv": "ImageID,LabelName,XMin,XMax,YMin,IsGroupOf\n"},
            "bbox.csv: lacks the column YMax; did you mean",
        ),
        (
            {"oidv6-train-annotations-bbox.csv": BOXES.replace(",IsGroupOf", "") + CAR},
            "bbox.csv: lacks the column IsGroupOf",
        ),
        (boxes("a,x,/m/1\n"), r"bbox.csv:2: has 3 fields, the header has 9"),
        ({"oidv6-train-annotations-bbox.csv": ""}, "bbox.csv: lacks the column ImageID"),
        ({"class-descriptions-boxable.csv": "/m/1\n"}, r"boxable.csv:1: must be `id,name`"),
        ({"class-descriptions-boxable.csv": CLASSES * 2}, "class /m/0 is listed twice"),
        ({"class-descriptions-boxable.csv": ""}, "boxable.csv: lists no class"),
        (
            {"train-annotations-human-imagelabels-boxable.csv": LABELS + "a,x,/m/1,yes\n"},
            "boxable.csv:2: Confidence must be 0 or 1, got 'yes'",
        ),
        ({"bbox_labels_600_hierarchy.json": "[]"}, "hierarchy.json: is no JSON"),
        ({"bbox_labels_600_hierarchy.json": "{}"}, "must be an object with a LabelName"),
        (
            {"bbox_labels_600_hierarchy.json": '{"LabelName": "/m/0", "Subcategory": 3}'},
            "/m/0: Subcategory must be a list",
        ),
        (
            {
                "bbox_labels_600_hierarchy.json": json.dumps(
                    {
                        "LabelName": "/m/0",
                        "Subcategory": [
                            {"LabelName": "/m/1", "Subcategory": [{"LabelName": "/m/2"}]},
                            {"LabelName": "/m/2", "Subcategory": [{"LabelName": "/m/1"}]},
                        ],
                    }
                )
            },
            r"hierarchy.json: /m/[12] lies below itself; correct the cycle",
        ),
        (boxes("c,x,/m/1,1,0,1,0,1,0\n"), r"train: no listed image, such as c.jpg, is in"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(tmp_path, files, message):
    with pytest.raises(DataError, match=message) as refused:
        read_dataset(write(tmp_path, files))
    assert "\n" not in str(refused.value)
