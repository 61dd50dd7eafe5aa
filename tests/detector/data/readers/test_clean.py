"""Labels for another size than the image has: the size is the one thing that is reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from maenas.detector.data.check import check, open_splits, summary
from maenas.detector.data.readers.label_notes import label_notes
from maenas.detector.data.readers.read import read_dataset
from maenas.detector.data.writers.usable_images import with_usable_images
from tests.detector.data.readers.test_voc import add, entry

WIDTHS = {"a": 320, "b": 640}  # that the labels are for; both images are 640 wide
BOXES = [(10, 10, 50, 50), (400, 10, 500, 50), (300, 10, 420, 50)]
TOLD = "is 640x480 when upright, its labels are for 320x480"


def voc(folder: Path, boxes: list[tuple[int, ...]]) -> Path:
    """A Pascal VOC folder; returns its data set."""
    for stem, width in WIDTHS.items():
        size = f"<size><width>{width}</width><height>480</height></size>"
        add(folder, stem, *(entry("cat", *box) for box in boxes), size=size)
        Image.new("RGB", (640, 480)).save(folder / f"JPEGImages/{stem}.jpg")
    return folder


def coco(folder: Path, boxes: list[tuple[int, ...]]) -> Path:
    """The same as a COCO file."""
    images: list[dict[str, object]] = []
    rows: list[dict[str, object]] = []
    for number, (stem, width) in enumerate(WIDTHS.items()):
        Image.new("RGB", (640, 480)).save(folder / f"{stem}.jpg")
        images.append({"id": number, "file_name": f"{stem}.jpg", "width": width, "height": 480})
        for x1, y1, x2, y2 in boxes:
            box = [x1, y1, x2 - x1, y2 - y1]
            row = {"id": len(rows), "image_id": number, "category_id": 1, "bbox": box}
            rows.append(row)
    path = folder / "set.json"
    categories = [{"id": 1, "name": "cat"}]
    path.write_text(json.dumps({"images": images, "annotations": rows, "categories": categories}))
    return path


@pytest.mark.parametrize("write", [voc, coco])
@pytest.mark.parametrize("boxes", [BOXES, BOXES[1:2], BOXES[2:]], ids=["all", "outside", "beyond"])
def test_boxes_outside_an_image_of_another_size_are_not_reported(tmp_path, write, boxes):
    path = write(tmp_path, boxes)
    dataset = read_dataset(path)
    (problem,) = dataset.problems
    assert (problem.what, problem.group, problem.skips) == (TOLD, "images", True)
    assert Path(problem.where).name == "a.jpg"
    assert [sample.path.name for sample in dataset.samples] == ["b.jpg"]
    assert len(dataset.samples[0].boxes) == len(boxes)
    assert label_notes(dataset) == []


@pytest.mark.parametrize("write", [voc, coco])
def test_a_check_says_so_once_and_counts_what_is_left(tmp_path, write):
    path = write(tmp_path, BOXES)
    splits, problems = open_splits(path)
    told = summary(path, splits, problems + check(path, splits, (640, 640)))
    assert sum(problem.what == TOLD for problem in told.problems) == 1
    counts = told.splits["train"]
    assert (counts.images, counts.objects, counts.left_out) == (1, 3, 1)


def test_a_box_that_is_cut_in_a_damaged_image_is_not_counted(tmp_path):
    path = coco(tmp_path, [(0, 10, 320, 50), (300, 10, 680, 50)])
    image = tmp_path / "b.jpg"
    image.write_bytes(image.read_bytes()[:700])
    Image.new("RGB", (320, 480)).save(tmp_path / "a.jpg")
    dataset = read_dataset(path)
    (note,) = label_notes(dataset)
    assert "image: 2 of 4, such as" in note
    usable = with_usable_images(dataset, "train")
    (note,) = label_notes(usable)
    assert "image: 1 of 2, such as" in note
    assert usable.left_out == 1
    splits, problems = open_splits(path)
    counts = summary(path, splits, problems + check(path, splits, (640, 640))).splits["train"]
    assert (counts.images, counts.objects, counts.left_out) == (1, 2, 1)


def test_a_box_that_is_there_twice_is_counted_once_among_those_that_are_cut(tmp_path):
    path = coco(tmp_path, [(0, 10, 680, 50), (0, 10, 680, 50)])
    Image.new("RGB", (320, 480)).save(tmp_path / "a.jpg")
    (note,) = label_notes(read_dataset(path))
    assert "image: 2 of 2, such as" in note


def test_images_in_a_form_that_cannot_be_read_are_counted_each(write_yolo):
    path = write_yolo({"a": "0 .5 .5 .5 .5"})
    for name in ("b.heic", "c.CR2"):
        (path.parent / "images/train" / name).write_bytes(b"")
    dataset = read_dataset(path)
    assert [Path(problem.where).name for problem in dataset.problems] == ["b.heic", "c.CR2"]
    assert dataset.left_out == 2
