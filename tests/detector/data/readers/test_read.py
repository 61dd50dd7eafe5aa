"""Data sets from the disk: what is understood, what is refused, what is reported and left out."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.readers.read import names_of, read_dataset
from maenas.detector.data.readers.reading import reported_to


def image(path: Path, size: tuple[int, int] = (40, 80)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((*size, 3), dtype=np.uint8)).save(path)
    return path


def told(dataset: Dataset) -> list[str]:
    """The problems, without the folder."""
    return [f"{Path(p.where).name}: {p.what}" for p in dataset.problems]


# YOLO


def test_boxes_are_in_pixels_of_the_image(write_yolo):
    dataset = read_dataset(write_yolo({"a": "1 0.5 0.5 0.25 0.5\n0 0.25 0.25 0.5 0.5\n"}))
    (sample,) = dataset.samples
    assert sample.size == (40, 80)
    assert dataset.names == ("cat", "dog")
    assert sample.boxes.tolist() == [[30, 10, 50, 30], [0, 0, 40, 20]]
    assert sample.boxes.dtype == np.float32
    assert sample.labels.tolist() == [1, 0]
    assert sample.areas.tolist() == [400, 800]
    assert dataset.problems == ()
    assert dataset.category_ids == (0, 1)


def test_an_image_without_labels_is_background(write_yolo):
    dataset = read_dataset(write_yolo({"a": None, "b": "", "c": "0 .5 .5 .2 .2"}))
    assert [len(sample.labels) for sample in dataset.samples] == [0, 0, 1]
    assert dataset.labelled.tolist() == [2]
    assert dataset.problems == ()


def test_a_byte_order_mark_is_no_part_of_a_label(write_yolo):
    dataset = read_dataset(write_yolo({"a": "\ufeff1 .5 .5 .2 .2\n"}))
    assert dataset.samples[0].labels.tolist() == [1]
    assert not dataset.problems


def test_a_line_of_points_is_an_outline(write_yolo):
    dataset = read_dataset(
        write_yolo({"a": "0 .1 .1 .5 .1 .5 .75\n0 .5 .5 .1 .1\n1 .2 .2 .3 .2 .3 .3 .2 .4"})
    )
    (sample,) = dataset.samples
    np.testing.assert_allclose(
        sample.boxes, [(8, 4, 40, 30), (36, 18, 44, 22), (16, 8, 24, 16)], rtol=1e-6
    )
    np.testing.assert_allclose(sample.outlines[0][0], [(8, 4), (40, 4), (40, 30)], rtol=1e-6)
    assert sample.outlines[1] == ()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("0 nan .5 .2 .2", "holds a number that is not finite"),
        ("0 .5 .5 inf .2", "holds a number that is not finite"),
        ("2 .5 .5 .2 .2", "class 2 does not exist"),
        ("-1 .5 .5 .2 .2", "class -1 does not exist"),
        ("0 .5 .5 0 .2", "has a width or height of zero or less"),
        (
            "0 .5 .5 .2 -.2",
            "holds -0.2, but coordinates are shares of the image, 0 to 1 (are these pixels?)",
        ),
        (
            "0 1.5 .5 .2 .2",
            "holds 1.5, but coordinates are shares of the image, 0 to 1 (are these pixels?)",
        ),
        ("0 .5 .5 .2", "has 4 fields, a box has 5"),
        ("0 .5 .5 .2 .2 .9", "has 6 fields, a box has 5 (a score, a track id or an angle?)"),
        ("cat .5 .5 .2 .2", "is not `class x y width height` in numbers: 'cat .5 .5 .2 .2'"),
        ("0.5 .5 .5 .2 .2", "is not `class x y width height` in numbers: '0.5 .5 .5 .2 .2'"),
        ("inf .5 .5 .2 .2", "is not `class x y width height` in numbers: 'inf .5 .5 .2 .2'"),
        ("1e30 .5 .5 .2 .2", "is not `class x y width height` in numbers: '1e30 .5 .5 .2 .2'"),
        (
            "0 1e300 .5 .2 .2",
            "holds 1e+300, but coordinates are shares of the image, 0 to 1 (are these pixels?)",
        ),
        ("1 .25 .25 .5 .5", "is there twice"),
    ],
)
def test_a_bad_line_is_left_out_and_named(write_yolo, line, problem):
    dataset = read_dataset(write_yolo({"a": f"1 .25 .25 .5 .5\n\n{line}\n0 .75 .75 .5 .5\n"}))
    assert told(dataset) == [f"a.txt:3: {problem}"]
    assert dataset.samples[0].labels.tolist() == [1, 0]


def test_a_box_is_cut_at_the_image_s_edge(write_yolo):
    dataset = read_dataset(write_yolo({"a": "0 .3 .5 1 .5\n0 .5 .2 1.001 .1"}))
    np.testing.assert_allclose(dataset.samples[0].boxes[:, [0, 2]], [(0, 64), (0, 80)])
    # what rounding does is not worth a word
    assert told(dataset) == ["a.txt:1: reaches beyond the image of 80x40 and was cut"]
    assert dataset.problems[0].severity == "warning"


@pytest.mark.parametrize(("beyond", "told_of"), [(1, 0), (2, 1), (8, 1)])
def test_the_side_that_a_box_reaches_beyond_decides_whether_it_is_told(tmp_path, beyond, told_of):
    Image.new("RGB", (4000, 80)).save(tmp_path / "a.png")
    (tmp_path / "list.csv").write_text(f"a.png,100,10,140,{80 + beyond},cat\n")
    assert len(read_dataset(tmp_path / "list.csv").problems) == told_of


def test_labels_that_are_no_text_are_reported(write_yolo):
    path = write_yolo({"a": "0 .5 .5 .2 .2"})
    (path.parent / "labels/train/a.txt").write_bytes(b"\xff\xfe\x00")
    assert "is not text in UTF-8" in told(read_dataset(path))[0]


def test_an_image_that_does_not_open_is_left_out(write_yolo):
    path = write_yolo({"a": "0 .5 .5 .2 .2", "b": "0 .5 .5 .2 .2"})
    (path.parent / "images/train/a.png").write_bytes(b"no image")
    dataset = read_dataset(path)
    assert [sample.path.stem for sample in dataset.samples] == ["b"]
    assert told(dataset) == ["a.png: is not an image, or of a format Pillow lacks"]


def test_sizes_are_those_of_upright_images(write_yolo):
    path = write_yolo({"a": "0 .5 .5 .5 .5"}, suffix=".jpg")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    Image.new("RGB", (80, 40)).save(path.parent / "images/train/a.jpg", exif=exif)
    (sample,) = read_dataset(path).samples
    assert sample.size == (80, 40)
    assert sample.boxes.tolist() == [[10, 20, 30, 60]]


@pytest.mark.parametrize(
    "names",
    ["[cat, dog]", "{0: cat, 1: dog}", "{1: dog, 0: cat}", '{"0": cat, "1": dog}'],
    ids=lambda text: text,
)
def test_names_are_a_list_or_a_map(write_yolo, names):
    assert read_dataset(write_yolo({"a": ""}, names=names)).names == ("cat", "dog")


def test_classes_are_counted_without_reading_labels(write_yolo, tmp_path):
    path = write_yolo({"a": "0 .5 .5 .2 .2 .3 .4 .6 .7"})
    with pytest.raises(DataError, match="polygon"):
        read_dataset(path)
    assert names_of(path) == ("cat", "dog")


def test_classes_that_differ_between_files_are_refused(tmp_path):
    for name, category in (("a", "cat"), ("b", "dog")):
        written = {"images": [], "annotations": [], "categories": [{"id": 1, "name": category}]}
        (tmp_path / f"{name}.json").write_text(json.dumps(written))
    path = tmp_path / "data.yaml"
    path.write_text("train: a.json\n")
    assert names_of(path) == ("cat",)
    path.write_text("train: [a.json, b.json]\n")
    with pytest.raises(DataError):
        names_of(path)


def test_the_images_read_so_far_are_reported(write_yolo, monkeypatch):
    monkeypatch.setattr("maenas.detector.data.readers.reading.EVERY", 1)
    path, heard = write_yolo(dict.fromkeys("abc", "0 .5 .5 .2 .2")), []
    with reported_to(lambda done, total: heard.append((done, total))):
        read_dataset(path)
    read_dataset(path)
    assert heard == [(1, 3), (2, 3)]


def test_an_image_that_a_list_names_in_vain_is_to_be_removed_from_that_list(write_yolo, tmp_path):
    path = write_yolo({"a": "0 .5 .5 .2 .2"})
    (tmp_path / "train.txt").write_text("images/train/a.png\nimages/train/b.png\n")
    path.write_text("train: train.txt\nnames: [cat, dog]\n")
    (problem,) = read_dataset(path).problems
    assert problem.fix == f"replace it, or remove it from {tmp_path / 'train.txt'}"


def test_the_number_of_classes_may_stand_in_quotes(write_yolo):
    path = write_yolo({"a": ""})
    path.write_text(path.read_text() + "nc: '2'\n")
    assert read_dataset(path).names == ("cat", "dog")


def test_only_the_last_images_folder_is_replaced(tmp_path):
    image(tmp_path / "images" / "set" / "images" / "x" / "a.png")
    label = tmp_path / "images" / "set" / "labels" / "x" / "a.txt"
    label.parent.mkdir(parents=True)
    label.write_text("0 .5 .5 .5 .5")
    (tmp_path / "data.yaml").write_text("train: images/set/images\nnames: [a]\n")
    assert read_dataset(tmp_path).objects == 1


def test_a_list_that_spells_an_image_in_several_ways_names_one_image(tmp_path):
    for name in ("train/x", "val/y"):
        image(tmp_path / "images" / f"{name}.png")
    lines = [
        "images/val/../train/x.png",
        "./images/train/x.png",
        str(tmp_path / "images/train/x.png"),
    ]
    (tmp_path / "train.txt").write_text("\n".join(lines))
    (tmp_path / "data.yaml").write_text("train: [train.txt, images/train]\nnames: [a]\n")
    assert len(read_dataset(tmp_path)) == 1


def test_a_parent_folder_behind_a_link_is_not_the_folder_of_the_link(tmp_path):
    for name in ("a/x", "far/a/x", "far/b/y"):
        image(tmp_path / f"{name}.png")
    (tmp_path / "b").symlink_to(tmp_path / "far" / "b")
    (tmp_path / "train.txt").write_text("a/x.png\nb/../a/x.png\n")
    (tmp_path / "data.yaml").write_text("train: train.txt\nnames: [a]\n")
    assert len(read_dataset(tmp_path)) == 2


def test_a_list_names_images_relative_to_itself(tmp_path):
    for name in ("b", "a"):
        image(tmp_path / "lists" / "images" / f"{name}.png")
    (tmp_path / "lists" / "train.txt").write_text("./images/b.png\n\nimages/a.png\n")
    (tmp_path / "data.yaml").write_text("train: [lists/train.txt]\nnames: [a]\n")
    samples = read_dataset(tmp_path / "data.yaml").samples
    assert [sample.path.stem for sample in samples] == ["b", "a"]
    assert [sample.image_id for sample in samples] == [0, 1]


def test_paths_are_relative_to_the_yaml_then_to_the_working_directory(tmp_path, monkeypatch):
    image(tmp_path / "here" / "set" / "images" / "a.png")
    image(tmp_path / "yaml" / "own" / "images" / "b.png")
    file = tmp_path / "yaml" / "data.yaml"
    monkeypatch.chdir(tmp_path / "here")
    for root, stem in (("set", "a"), ("own", "b"), (str(tmp_path / "here/set"), "a")):
        file.write_text(f"path: {root}\ntrain: images\nnames: [a]\n")
        assert [sample.path.stem for sample in read_dataset(file).samples] == [stem]
    file.write_text("path: gone\ntrain: images\nnames: [a]\n")
    with pytest.raises(DataError, match=r"nothing is at .*yaml/gone/images nor at gone/images"):
        read_dataset(file)


def test_the_paths_that_roboflow_writes_are_found(tmp_path):
    image(tmp_path / "train" / "images" / "a.png")
    (tmp_path / "data.yaml").write_text("train: ../train/images\nnc: 1\nnames: ['a']\n")
    assert len(read_dataset(tmp_path)) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("val: images\nnames: [a]\n", "has no split 'train'"),
        ("trian: images\nnames: [a]\n", "did you mean trian"),
        ("train: []\nnames: [a]\n", "train: is empty"),
        ("train: 3\nnames: [a]\n", "must name a folder or file, got a whole number"),
        ("train: images\n", "names: must list the classes, got nothing"),
        ("train: images\nnames: {1: a, 2: b}\n", "must number the classes 0 to 1 without a gap"),
        ("train: images\nnames: [a]\nnc: 2\n", "nc is 2, but there are 1 names"),
        (f"train: images\nnames:\n  ? '{'9' * 5000}'\n  : a\n", "without a gap, got "),
        ("3: images\nnames: [a]\n", "has no split 'train'"),
        ("train: images\ntrue: [a]\nnull: 3\n", "names: must list the classes, got nothing"),
        ("train: images\nnames: [[a]]\n", r"names\[0\]: must be text, got a list"),
        ("train: images\nnc: yes\n", "nc: must be a whole number"),
        ("train: empty\nnames: [a]\n", "train: holds no image"),
        ("train: data.yaml\nnames: [a]\n", "is not a folder, a .txt list"),
        ("train: [images\n", "not valid YAML"),
        ("- images\n", "must be a mapping"),
    ],
)
def test_a_yaml_that_cannot_be_used_says_why_in_a_line(tmp_path, text, message):
    image(tmp_path / "images" / "a.png")
    (tmp_path / "empty").mkdir()
    file = tmp_path / "data.yaml"
    file.write_text(text)
    with pytest.raises(DataError, match=message) as raised:
        read_dataset(file)
    assert str(raised.value).startswith(str(file))
    assert "\n" not in str(raised.value)


def test_what_is_no_data_set_is_refused(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"")
    for path, message in (
        (tmp_path, "holds no data.yaml"),
        (tmp_path / "model.onnx", "must be a data.yaml"),
        (tmp_path / "gone.yaml", "no such file"),
        (tmp_path / "gone.json", "no such file"),
        (tmp_path / "gone", "gone: no such file or folder"),
    ):
        with pytest.raises(DataError, match=message):
            read_dataset(path)


def test_a_set_without_any_object_is_refused_with_the_first_cause(write_yolo):
    dataset = read_dataset(write_yolo({"a": "7 .5 .5 .2 .2", "b": ""}))
    with pytest.raises(DataError, match=r"none of 1 images has an object; such as .*a.txt:1"):
        dataset.require_objects()


def test_a_set_whose_images_are_all_left_out_says_so(write_yolo):
    dataset = read_dataset(write_yolo({"a": "7 .5 .5 .2 .2"}))
    with pytest.raises(DataError, match=r"yaml: val: holds no image that can be .*a.txt:1"):
        dataset.require_objects("val")


def test_an_image_that_lost_all_its_labels_is_no_background(write_yolo):
    dataset = read_dataset(write_yolo({"a": "7 .5 .5 .2 .2", "b": "", "c": "1 .5 .5 .2 .2"}))
    assert [sample.path.stem for sample in dataset.samples] == ["b", "c"]
    assert "none of its labels can be used" in str(dataset.problems[-1])


# COCO


def coco(folder: Path, **changes: Any) -> Path:
    """Two images; category ids with gaps, out of order."""
    for name in ("x.png", "y.png"):
        image(folder / "images" / name)
    side = {"width": 80, "height": 40}
    data = {
        "images": [
            {"id": 7, "file_name": "x.png", **side},
            {"id": 3, "file_name": "y.png", **side},
        ],
        "categories": [{"id": 90, "name": "dog"}, {"id": 4, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 90, "bbox": [10, 10, 20, 20], "area": 300},
            {"id": 2, "image_id": 7, "category_id": 4, "bbox": [0, 0, 80, 40], "iscrowd": 1},
        ],
    }
    path = folder / "set.json"
    path.write_text(json.dumps({**data, **changes}))
    return path


def test_categories_become_classes_in_the_order_of_their_ids(tmp_path):
    dataset = read_dataset(coco(tmp_path))
    assert dataset.names == ("cat", "dog")
    assert dataset.category_ids == (4, 90)
    first, second = dataset.samples
    assert (first.image_id, second.image_id) == (7, 3)
    assert len(second.labels) == 0
    assert first.boxes.tolist() == [[10, 10, 30, 30], [0, 0, 80, 40]]
    assert first.labels.tolist() == [1, 0]
    assert first.crowd.tolist() == [False, True]
    assert first.areas.tolist() == [300, 3200]  # the mask's where it is given
    assert dataset.problems == ()


def test_masks_give_outlines(tmp_path):
    parts = [[1, 1, 5, 1, 5, 5], [10, 10, 20, 10, 20, 20, 10, 20]]
    row = {"id": 1, "image_id": 7, "category_id": 4, "bbox": [1, 1, 19, 19]}
    run_lengths = {"size": [40, 80], "counts": [1, 2]}
    dataset = read_dataset(
        coco(
            tmp_path,
            annotations=[
                {**row, "segmentation": parts},
                {**row, "category_id": 90, "segmentation": run_lengths},
            ],
        )
    )
    first, second = dataset.samples[0].outlines
    assert [part.tolist() for part in first] == [[[1, 1], [5, 1], [5, 5]], [
        [10, 10], [20, 10], [20, 20], [10, 20]
    ]]  # fmt: skip
    assert second == ()


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"image_id": 8}, "belongs to image_id 8, which is not among the images"),
        ({"category_id": 5}, "category_id 5 is not among the categories"),
        ({"bbox": [1, 2, 3]}, "bbox must be [x, y, width, height] in pixels, got [1, 2, 3]"),
        ({"bbox": None}, "bbox must be [x, y, width, height] in pixels, got None"),
        ({"bbox": [1, 2, -3, 4]}, "has a width or height of zero or less"),
        ({"bbox": [1, 2, float("nan"), 4]}, "holds a number that is not finite"),
        ({"bbox": [90, 2, 3, 4]}, "lies outside the image of 80x40"),
    ],
    ids=str,
)
def test_a_bad_annotation_is_left_out_and_named_by_its_id(tmp_path, row, problem):
    good = {"id": 1, "image_id": 7, "category_id": 4, "bbox": [1, 1, 9, 9]}
    dataset = read_dataset(coco(tmp_path, annotations=[good, {**good, "id": 42, **row}]))
    assert told(dataset) == [f"set.json: annotation 42: {problem}"]
    assert dataset.objects == 1


def test_an_image_that_is_not_there_is_left_out(tmp_path):
    path = coco(tmp_path)
    (tmp_path / "images" / "y.png").unlink()
    dataset = read_dataset(path)
    assert [sample.image_id for sample in dataset.samples] == [7]
    assert told(dataset) == ["y.png: no such file"]
    assert dataset.problems[0].fix == f"restore it, or remove it from {path}"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": "x"}, "lacks a list of images"),
        ({"categories": []}, "categories: is empty"),
        ({"categories": [{"name": "a"}]}, r"categories\[0\]: needs a whole `id`"),
        ({"categories": [{"id": 1, "name": "a"}] * 2}, "id 1 is given twice"),
        ({"images": []}, "lists no image"),
        ({"images": [{"id": 1, "file_name": "z.png", "width": 1, "height": 1}]}, "is in none of"),
        ({"images": [{"id": 1, "file_name": "x.png", "width": 0, "height": 1}]}, "no image that"),
    ],
    ids=str,
)
def test_a_coco_file_that_cannot_be_used_says_why_in_a_line(tmp_path, changes, message):
    with pytest.raises(DataError, match=message) as raised:
        read_dataset(coco(tmp_path, **changes))
    assert "\n" not in str(raised.value)


def test_a_yaml_may_name_coco_files(tmp_path):
    coco(tmp_path)
    file = tmp_path / "data.yaml"
    file.write_text("train: set.json\n")
    assert read_dataset(file).names == ("cat", "dog")
    file.write_text("train: set.json\nnames: [dog, cat]\n")
    with pytest.raises(DataError, match="are not the categories of"):
        read_dataset(file)
    file.write_text("train: [set.json, images]\n")
    with pytest.raises(DataError, match="use one kind"):
        read_dataset(file)
    file.write_text("train: [set.json, set.json]\n")
    with pytest.raises(DataError, match="one image id to two images"):
        read_dataset(file)


def test_images_are_found_as_coco_lays_them_out(tmp_path):
    path = coco(tmp_path)
    (tmp_path / "annotations").mkdir()
    (tmp_path / "images").rename(tmp_path / "val2017")
    moved = path.rename(tmp_path / "annotations" / "instances_val2017.json")
    assert read_dataset(moved).samples[0].path == tmp_path / "val2017" / "x.png"


def test_a_folder_with_a_list_of_objects_names_the_file_to_give(tmp_path) -> None:
    (tmp_path / "instances.json").write_text("{}")
    with pytest.raises(DataError) as error:
        read_dataset(tmp_path)
    assert str(error.value).endswith(
        f"; if instances.json lists its objects, give {tmp_path / 'instances.json'}."
    )


def test_a_path_with_windows_separators_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "sets" / "first"
    (folder / "images").mkdir(parents=True)
    Image.new("RGB", (32, 32)).save(folder / "images" / "a.png")
    path = tmp_path / "data.yaml"
    path.write_text("path: sets\\first\ntrain: images\nnames: [a]\n")
    assert [sample.path for sample in read_dataset(path).samples] == [folder / "images" / "a.png"]


@pytest.mark.parametrize("key", ["path", "train"])
@pytest.mark.parametrize("name", ["n" * 300, "é" * 200, "a/" * 2000], ids=["long", "wide", "deep"])
def test_a_name_that_no_path_may_have_is_refused_with_its_key(
    tmp_path: Path, key: str, name: str
) -> None:
    keys = {"path": ".", "train": "images", key: name}
    path = tmp_path / "data.yaml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()) + "names: [a]\n")
    with pytest.raises(DataError, match=f"data.yaml: {key}: cannot be a path: .* is too long"):
        read_dataset(path)


def test_a_path_that_cannot_be_one_is_an_error_in_one_line():
    with pytest.raises(DataError, match=r"^z{200}: cannot be read: File name too long\.$"):
        read_dataset(Path("z" * 300))


def test_what_takes_the_place_of_a_yaml_is_named(tmp_path):
    (tmp_path / "data.yaml").mkdir()
    for path in (tmp_path, tmp_path / "data.yaml"):
        with pytest.raises(DataError, match=r"data\.yaml: is a folder, not a file\.$"):
            read_dataset(path)
    (tmp_path / "data.yaml").rmdir()
    os.mkfifo(tmp_path / "data.yaml")
    for path in (tmp_path, tmp_path / "data.yaml"):
        with pytest.raises(DataError, match=r"data\.yaml: is a pipe or a device, not a file\.$"):
            read_dataset(path)
    write = (tmp_path / "dataset.yaml").write_text
    write("names: [a]")
    with pytest.raises(DataError, match=r"dataset\.yaml: has no split 'train'"):
        read_dataset(tmp_path)
