"""Data sets are written so that they read back as they were, in every format."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maenas.detector.data.dataset import DataError, DataProblem, Dataset
from maenas.detector.data.readers.read import read_dataset, splits_of
from maenas.detector.data.samples import Sample
from maenas.detector.data.writers.file_names import file_names
from maenas.detector.data.writers.write import WRITERS, write_dataset

NAMES = ("a cat", "no", "perro-ñ")  # `no` is false in YAML
TRIANGLE = np.array([[2, 3], [30, 3], [2, 18]], np.float32)


def sample(path: Path, *rows: tuple[int, float, float, float, float, bool], number: int = 0):
    """An image of 40 x 60 with boxes (class, x1, y1, x2, y2, crowd)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((40, 60, 3), 90, np.uint8)).save(path)
    boxes = np.array([row[1:5] for row in rows], np.float32).reshape(-1, 4)
    return Sample(
        path,
        (40, 60),
        boxes,
        np.array([row[0] for row in rows], np.int64),
        np.array([row[5] for row in rows], np.bool_),
        ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).astype(np.float32),
        (),
        number,
    )


@pytest.fixture
def splits(tmp_path):
    """Two splits: fractions of pixels, a region to ignore, background, and a stem that is twice."""
    at = tmp_path / "source"
    first = sample(at / "x" / "a b.png", (2, 2.25, 3, 30.5, 18, False), (0, 0, 0, 60, 40, True))
    second = sample(at / "y" / "a b.jpg", (1, 10, 10.125, 20, 40, False), number=1)
    third = sample(at / "empty.PNG", number=2)
    val = sample(at / "v.png", (0, 1, 2, 3, 4, False))
    return {
        "train": Dataset(at, (first, second, third), NAMES, (0, 1, 2)),
        "val": Dataset(at, (val,), NAMES, (0, 1, 2)),
    }


@pytest.mark.parametrize("form", WRITERS)
def test_a_written_set_reads_back_as_it_was(form, splits, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    written = write_dataset(splits, out, form)
    assert splits_of(out) == ("train", "val")
    for split, source in splits.items():
        back = read_dataset(written.path, split)
        assert back.names == NAMES
        assert back.problems == ()
        assert len(back) == len(source)
        by_name = {each.path.name: each for each in back.samples}
        for one in source.samples:
            other = by_name[file_names(source.columns.paths())[one.path]]
            kept = ~one.crowd if form == "yolo" else np.ones(len(one.crowd), bool)
            np.testing.assert_allclose(other.boxes, one.boxes[kept], atol=1e-3)
            np.testing.assert_array_equal(other.labels, one.labels[kept])
            np.testing.assert_array_equal(other.crowd, one.crowd[kept])
            assert other.path.read_bytes() == one.path.read_bytes()


def test_what_a_format_cannot_state_is_counted(splits, tmp_path):
    thin = sample(tmp_path / "t.png", (0, 5, 5, 6, 20, False), (0, 5, 5, 9, 20, False))
    parts = {"train": Dataset(tmp_path, (thin, *splits["train"].samples), NAMES, (0, 1, 2))}
    lines = {}
    for form in WRITERS:
        (tmp_path / form).mkdir()
        lines[form] = write_dataset(parts, tmp_path / form, form).left_out
    assert lines["coco"] == ()
    assert lines["yolo"] == ("1 regions to ignore, which YOLO labels cannot state",)
    assert lines["voc"] == ("1 boxes of at most one pixel, which read as empty in Pascal VOC",)


def test_coco_keeps_ids_areas_and_outlines(tmp_path):
    one = sample(tmp_path / "a.png", (1, 2, 3, 30, 18, False), number=77)
    one = replace(one, areas=np.array([210], np.float32), outlines=((TRIANGLE,),))
    out = tmp_path / "out"
    out.mkdir()
    write_dataset({"train": Dataset(tmp_path, (one,), NAMES, (3, 7, 90))}, out, "coco")
    found = json.loads((out / "annotations" / "instances_train.json").read_text())
    assert [each["id"] for each in found["categories"]] == [3, 7, 90]
    (row,) = found["annotations"]
    assert (row["image_id"], row["category_id"], row["area"]) == (77, 7, 210.0)
    assert row["segmentation"] == [[2.0, 3.0, 30.0, 3.0, 2.0, 18.0]]
    (back,) = read_dataset(out).samples
    assert back.image_id == 77
    np.testing.assert_array_equal(back.outlines[0][0], TRIANGLE)


def test_links_lead_to_the_images_of_the_source(splits, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    write_dataset(splits, out, "yolo", link=True)
    link = out / "images" / "train" / "a_b.png"
    assert link.resolve() == splits["train"].samples[0].path.resolve()


def test_an_image_that_is_missing_leaves_nothing_behind(splits, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    splits["val"].samples[0].path.unlink()
    with pytest.raises(DataError, match=r"v\.png: cannot be .*No such file"):
        write_dataset(splits, out, "coco")
    assert list(out.iterdir()) == []


def test_splits_of_other_classes_are_refused(splits, tmp_path):
    splits["val"] = Dataset(tmp_path, splits["val"].samples, NAMES[:2], (0, 1))
    with pytest.raises(DataError, match="both splits need the same"):
        write_dataset(splits, tmp_path, "coco")


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (("p/A.png", "p/a.jpg"), ["A.png", "p_a.jpg"]),  # case does not count on some systems
        (("z/p/a.jpg", "z/q/a.jpg", "z/q/a.png"), ["a.jpg", "z_q_a.jpg", "z_q_a_2.png"]),
        (("...jpg", "a\tb c.jpg"), ["image.jpg", "a_b_c.jpg"]),
        (("a.jpg.1",), ["a.jpg.jpg"]),  # readers go by the suffix
    ],
)
def test_names_of_files_differ_and_are_plain(tmp_path, monkeypatch, paths, names):
    monkeypatch.chdir(tmp_path)
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 4)).save(path, "PNG")
    assert list(file_names(map(Path, paths)).values()) == names


def test_two_splits_keep_equal_names_apart_or_get_different_ones(tmp_path):
    one = sample(tmp_path / "train" / "a.png", (0, 1, 2, 3, 4, False))
    two = sample(tmp_path / "val" / "a.png", (1, 1, 2, 3, 4, False))
    parts = {"train": Dataset(tmp_path, (one,), NAMES, (0, 1, 2))}
    parts["val"] = Dataset(tmp_path, (two,), NAMES, (0, 1, 2))
    found = {}
    for form in ("yolo", "voc"):
        (tmp_path / form).mkdir()
        write_dataset(parts, tmp_path / form, form)
        back = [read_dataset(tmp_path / form, split).samples[0] for split in parts]
        found[form] = [(each.path.name, int(each.labels[0])) for each in back]
    assert found["yolo"] == [("a.png", 0), ("a.png", 1)]
    assert [label for _, label in found["voc"]] == [0, 1]


def test_classes_that_pascal_voc_cannot_tell_apart_are_refused(splits, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    alike = {"train": replace(splits["train"], names=("a", "b", "a "))}
    with pytest.raises(DataError, match="classes 'a' and 'a ' are the same in Pascal VOC"):
        write_dataset(alike, out, "voc")
    assert list(out.iterdir()) == []
    write_dataset(alike, out, "coco")
    assert read_dataset(out).names == ("a", "b", "a ")


@pytest.mark.parametrize("form", WRITERS)
def test_hidden_images_get_a_name_that_is_read(form, tmp_path):
    hidden, other = tmp_path / "source" / ".h.jpg", tmp_path / "source" / "h.jpg"
    box = (0, 1, 2, 30, 20, False)
    samples = (sample(hidden, box), sample(other, box, number=1))
    out = tmp_path / "out"
    out.mkdir()
    write_dataset({"train": Dataset(tmp_path, samples, ("a",), (0,))}, out, form)
    assert len(read_dataset(out)) == 2
    assert not [path for path in out.rglob(".*")]


@pytest.mark.parametrize("form", WRITERS)
def test_a_set_without_an_image_that_can_be_used_is_not_written(form, splits, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    lost = DataProblem("warning", "images", "a.jpg", "is damaged", "replace it", skips=True)
    none = {"train": replace(splits["train"], samples=(), problems=(lost,))}
    with pytest.raises(
        DataError, match=r"train: holds no image that can be used, such as a\.jpg: is damaged"
    ):
        write_dataset(none, out, form)
    assert list(out.iterdir()) == []
    write_dataset(none | {"val": splits["val"]}, out, form)
    assert len(read_dataset(out, "val")) == 1
