"""VisDrone: categories 0 and 11 are regions to ignore in every class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from maenas.detector.data.batch import collate
from maenas.detector.data.dataset import DataError
from maenas.detector.data.labelled import EVERY_CLASS, Labelled
from maenas.detector.data.readers.read import read_dataset, splits_of
from maenas.detector.data.writers.write import write_dataset


def write(folder: Path, text: str, name: str = "VisDrone2019-DET-train") -> Path:
    place = folder / name
    (place / "images").mkdir(parents=True)
    (place / "annotations").mkdir()
    Image.fromarray(np.zeros((40, 80, 3), np.uint8)).save(place / "images" / "a.jpg")
    (place / "annotations" / "a.txt").write_text(text)
    return folder


def test_ignored_regions_and_others_are_regions_in_every_class(tmp_path):
    rows = (
        "1,2,10,20,1,1,0,0\n5,6,7,8,1,10,0,1,\n0,0,9,9,0,0,0,0\n3,3,5,5,0,11,0,0\n4,4,6,6,0,4,0,0"
    )
    dataset = read_dataset(write(tmp_path, rows))
    (sample,) = dataset.samples
    assert [dataset.names[label] for label in sample.labels[:2]] == ["pedestrian", "motor"]
    assert sample.boxes[:2].tolist() == [[1, 2, 11, 22], [5, 6, 12, 14]]
    assert sample.labels[2:].tolist() == [EVERY_CLASS, EVERY_CLASS, 3]
    assert sample.crowd.tolist() == [False, False, True, True, True]
    assert dataset.counts().sum() == 2
    assert dataset.category_ids == tuple(range(1, 11))
    assert dataset.problems == ()


def test_a_batch_holds_a_class_also_for_regions_of_every_class(tmp_path):
    (sample,) = read_dataset(write(tmp_path, "0,0,9,9,0,0,0,0\n")).samples
    pixels = torch.zeros(3, *sample.size, dtype=torch.uint8)
    batch = collate([Labelled(pixels, sample.boxes, sample.labels, sample.crowd)], [0])
    assert batch.labels.tolist() == [[0]]
    assert batch.ignored.tolist() == [[True]]


def test_splits_are_named_by_their_folders(tmp_path):
    for name in ("VisDrone2019-DET-test-dev", "VisDrone2019-DET-val", "VisDrone2019-DET-train"):
        write(tmp_path, "1,2,10,20,1,1,0,0\n", name)
    assert splits_of(tmp_path) == ("train", "val", "test")
    assert splits_of(tmp_path / "VisDrone2019-DET-val") == ("val",)
    with pytest.raises(DataError, match="has no split 'val', but train"):
        read_dataset(tmp_path / "VisDrone2019-DET-train", "val")


def test_data_yaml_may_name_the_format(tmp_path):
    write(tmp_path / "drones", "1,2,10,20,1,1,0,0\n")
    (tmp_path / "data.yaml").write_text("path: drones\nformat: visdrone\n")
    assert len(read_dataset(tmp_path / "data.yaml")) == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,2,10,20,1,12,0,0", r"a.txt:2: category must be 0 to 11, got '12'"),
        ("1,2,10,20,1", r"a.txt:2: has 5 fields, not 8 \(left,top,width,height"),
        ("one,2,10,20,1,1,0,0", r"a.txt:2: must be numbers, left,top"),
        ("1,2,0,20,1,1,0,0", "has a width or height of zero or less"),
        ("99,2,10,20,1,1,0,0", "lies outside the image of 80x40"),
    ],
)
def test_a_row_that_cannot_be_used_is_a_problem_with_its_line(tmp_path, row, message):
    dataset = read_dataset(write(tmp_path, f"1,2,10,20,1,1,0,0\n{row}\n"))
    assert len(dataset.samples[0].labels) == 1
    (problem,) = dataset.problems
    with pytest.raises(DataError, match=message):
        raise DataError(str(problem))


@pytest.mark.parametrize(("form", "crowds"), [("coco", 10), ("voc", 10), ("yolo", 0)])
def test_a_region_in_every_class_is_written_as_one_of_each(tmp_path, form, crowds):
    source = {"train": read_dataset(write(tmp_path, "1,2,10,20,1,4,0,0\n5,5,20,9,0,0,0,0\n"))}
    (tmp_path / "out").mkdir()
    made = write_dataset(source, tmp_path / "out", form)
    again = read_dataset(made.path)
    assert (made.objects, made.regions) == ({"train": 1}, {"train": 1})
    assert again.columns.crowd.sum() == crowds
    assert len(set(again.columns.labels[again.columns.crowd].tolist())) == crowds
    assert again.counts().sum() == 1
