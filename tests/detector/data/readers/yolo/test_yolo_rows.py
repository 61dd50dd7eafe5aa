"""Rows of YOLO label files: read as what they are, refused where that cannot be told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maenas.detector.data.dataset import DataError
from maenas.detector.data.readers.read import read_dataset

BOX = "0 .5 .5 .5 .5"
IN_PIXELS = [[20, 10, 60, 30]]
KEYPOINTS = " .1 .9 .9 .1"


def with_key(path: Path, line: str) -> Path:
    path.write_text(path.read_text() + line + "\n")
    return path


@pytest.mark.parametrize(
    ("shape", "points"), [("[2, 2]", KEYPOINTS), ("[2, 3]", " .1 .9 2 .9 .1 0")], ids=str
)
def test_keypoints_are_left_out_and_the_box_is_read(write_yolo, shape, points):
    path = with_key(write_yolo({"a": BOX + points, "b": BOX}), f"kpt_shape: {shape}")
    dataset = read_dataset(path)
    assert [sample.boxes.tolist() for sample in dataset.samples] == [IN_PIXELS, IN_PIXELS]
    assert [sample.outlines for sample in dataset.samples] == [(), ()]
    assert [problem.severity for problem in dataset.problems] == ["warning"]
    assert "keypoints of 1 objects are not used" in str(dataset.problems[0])


def test_a_row_with_other_keypoints_than_told_is_skipped(write_yolo):
    path = with_key(write_yolo({"a": f"{BOX}{KEYPOINTS} .1 .1\n{BOX}"}), "kpt_shape: [2, 2]")
    dataset = read_dataset(path)
    assert dataset.objects == 1
    assert "a.txt:1: has 11 fields, `kpt_shape` asks for 5 or 9" in str(dataset.problems[0])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("kpt_shape: 5", r"kpt_shape: must be \[KEYPOINTS, 2 or 3\], got 5"),
        ("kpt_shape: [5, 4]", "kpt_shape: must be"),
        ("kpt_shape: [0, 2]", "kpt_shape: must be"),
        ("label_rows: polygons", "did you mean polygon"),
        ("label_rows: pose", "pose needs `kpt_shape"),
        ("kpt_shape: [1, 2]\nlabel_rows: box", "label_rows: is box, but kpt_shape says pose"),
    ],
)
def test_a_key_that_cannot_be_is_refused(write_yolo, line, message):
    with pytest.raises(DataError, match=message):
        read_dataset(with_key(write_yolo({"a": BOX}), line))


@pytest.mark.parametrize(
    "rows",
    [
        f"{BOX} .9 1",  # a score and a track id, or a triangle
        f"{BOX} .1 .1 .9 .2",  # two keypoints, or four corners
        f"{BOX}\n0 .1 .1 .2 .1 .2 .2",
        "0 .5 .5 .2 .2 .3 .4 .6 .7",  # four corners in a slanting order
        "0 .5 .5 .2 .3 .2 .3 .5 .5",  # four corners without an area
    ],
)
def test_what_may_be_several_things_is_refused_with_the_key_that_settles_it(write_yolo, rows):
    path = write_yolo({"a": BOX, "b": rows})
    row = 2 if "\n" in rows else 1
    with pytest.raises(DataError, match=rf"b.txt:{row}: may be a polygon, .*label_rows: polygon"):
        read_dataset(path)
    with_key(path, "label_rows: polygon")
    assert len(read_dataset(path).samples[1].outlines) == row


@pytest.mark.parametrize(
    "rows",
    [
        # two and three keypoints of two numbers
        "0 .5 .5 .2 .2 .41 .43 .55 .48\n1 .3 .3 .2 .1 .31 .33 .25 .28 .3 .26",
        # two and four keypoints of three numbers, the last of them unseen
        "0 .5 .5 .2 .2 .41 .43 1 .55 .48 1\n1 .3 .3 .2 .1 .31 .33 1 .25 .28 1 .3 .26 0 0 0 0",
        # a score and a track id, and two keypoints
        "0 .5 .5 .2 .2 .93 1\n1 .3 .3 .2 .1 .31 .33 .25 .28",
        # two keypoints with a score and a track id, and three keypoints
        "0 .5 .5 .2 .2 .41 .43 .93 1\n1 .3 .3 .2 .1 .31 .33 .25 .28 .3 .26",
    ],
)
def test_several_lengths_alone_prove_nothing(write_yolo, rows):
    with pytest.raises(DataError, match=r"a.txt:1: may be a polygon, .*kpt_shape"):
        read_dataset(write_yolo({"a": rows}))


def test_one_damaged_box_with_keypoints_among_many_proves_no_polygon(write_yolo):
    sound = "0 .5 .5 .2 .2 .41 .43 .55 .48\n1 .3 .3 .2 .1 .31 .33 .25 .28 .3 .26\n" * 6
    beyond = "0 .9 .5 .6 .2 .81 .43 .95 .48"
    with pytest.raises(DataError, match="may be a polygon"):
        read_dataset(write_yolo({"a": sound + beyond}))


@pytest.mark.parametrize(
    ("points", "shape"),
    [(".3 .3 2 " * 17, "[17, 3]"), (".3 .3 2 .3 .3 0 .4 .4 1 .4 .3 2", "[4, 3]")],
)
def test_rows_that_can_only_have_keypoints_name_the_key(write_yolo, points, shape):
    (problem,) = read_dataset(write_yolo({"a": f"{BOX}\n0 .3 .3 .2 .2 {points}"})).problems
    assert "a.txt:2: has " in str(problem)
    assert problem.what.endswith("a box has 5 (keypoints?)")
    assert f"say `kpt_shape: {shape}` in data.yaml" in problem.fix


def test_a_score_and_a_track_id_are_named(write_yolo):
    dataset = read_dataset(write_yolo({"a": f"{BOX} .87 3\n{BOX}"}))
    assert dataset.objects == 1
    assert "a.txt:1: has 7 fields, a box has 5 (a score and a track id?)" in str(
        dataset.problems[0]
    )
    path = with_key(write_yolo({"a": f"{BOX} .87 1\n{BOX}"}), "label_rows: box")
    assert "(a score and a track id?)" in str(read_dataset(path).problems[0])


def test_polygons_of_several_lengths_need_no_key(write_yolo):
    rows = "0 .1 .1 .5 .1 .5 .5\n0 .1 .1 .5 .1 .5 .5 .2 .9"
    dataset = read_dataset(write_yolo({"a": rows}))
    np.testing.assert_allclose(
        dataset.samples[0].boxes, [(8, 4, 40, 20), (8, 4, 40, 36)], rtol=1e-6
    )
    assert dataset.problems == ()


def test_polygons_are_proven_by_few_rows_that_are_no_boxes(write_yolo):
    inner = "0 .3 .3 .35 .3 .35 .35 .3 .32\n" * 9
    dataset = read_dataset(write_yolo({"a": inner + "0 .8 .8 .85 .8 .85 .85"}))
    assert dataset.objects == 2  # equal rows count once
    with pytest.raises(DataError, match="may be a polygon"):
        read_dataset(write_yolo({"a": inner + "0 .3 .3 .35 .3 .35 .35"}))


def test_corners_of_a_rectangle_are_an_oriented_box(write_yolo):
    # a square of side .2 turned by 45 degrees around the centre
    half = 0.1 * 2**0.5
    corners = f"0 .5 {0.5 - half} {0.5 + half} .5 .5 {0.5 + half} {0.5 - half} .5"
    dataset = read_dataset(write_yolo({"a": corners}))
    expected = [(80 * (0.5 - half), 40 * (0.5 - half), 80 * (0.5 + half), 40 * (0.5 + half))]
    np.testing.assert_allclose(dataset.samples[0].boxes, expected, rtol=1e-5)
    path = with_key(write_yolo({"a": f"{corners} .5 .5"}), "label_rows: oriented")
    assert "an oriented box has 9" in str(read_dataset(path).problems[0])


def test_classes_that_are_numbered_from_1_are_refused(write_yolo):
    path = write_yolo({"a": "1 .5 .5 .2 .2\n2 .3 .3 .2 .2\n", "b": "2 .5 .5 .2 .2\n"})
    with pytest.raises(DataError) as told:
        read_dataset(path)
    assert str(told.value).startswith(f"{path}: train: no object has class 0, and 2 have class 2, ")


@pytest.mark.parametrize(
    "rows", ["0 .5 .5 .2 .2\n2 .3 .3 .2 .2\n", "1 .5 .5 .2 .2\n3 .3 .3 .2 .2\n"]
)
def test_a_class_that_does_not_exist_alone_is_no_other_numbering(write_yolo, rows):
    dataset = read_dataset(write_yolo({"a": rows}))
    assert dataset.objects == 1
    (problem,) = dataset.problems
    assert "does not exist" in problem.what


def test_labels_in_pixels_are_refused(write_yolo):
    dataset = read_dataset(write_yolo({"a": "0 40 20 10 10"}))
    assert (
        "a.txt:1: holds 40, but coordinates are shares of the image, 0 to 1 (are these pixels?)"
        in str(dataset.problems[0])
    )
    with pytest.raises(DataError, match=r"such as .*a.txt:1"):
        dataset.require_objects()


@pytest.mark.parametrize(
    ("shape", "points", "what"),
    [
        ("[1, 2]", " .93 7", "holds 7, but coordinates are shares"),  # a score and a track id
        ("[2, 2]", " .5 .5 50 60", "holds 50, but coordinates are shares"),
        ("[1, 3]", " .5 60 2", "holds 60, but coordinates are shares"),
        ("[1, 3]", " .5 .6 7", "holds 7 as visibility of keypoint 1"),
        ("[2, 3]", " .5 .6 2 .5 .6 -1", "holds -1 as visibility of keypoint 2"),
        ("[1, 3]", " .5 .6 nan", "holds nan as visibility of keypoint 1"),
    ],
)
def test_keypoints_outside_the_image_are_refused(write_yolo, shape, points, what):
    path = with_key(write_yolo({"a": f"{BOX}{points}\n{BOX}"}), f"kpt_shape: {shape}")
    dataset = read_dataset(path)
    assert dataset.objects == 1
    assert f"a.txt:1: {what}" in str(dataset.problems[0])


def test_keypoints_that_are_not_seen_may_lie_anywhere(write_yolo):
    path = with_key(write_yolo({"a": f"{BOX} -1 -1 0 1.5 .5 0 .5 .5 0.8"}), "kpt_shape: [3, 3]")
    assert read_dataset(path).objects == 1


@pytest.mark.parametrize("row", ["0 0_5 .5 .2 .4", "0 \u0660.\u0665 .5 .2 .4", "1_0 .5 .5 .2 .4"])
def test_numbers_that_only_python_reads_are_refused(write_yolo, row):
    (problem,) = read_dataset(write_yolo({"a": f"{row}\n{BOX}"})).problems
    assert problem.what.startswith("is not `class x y width height` in numbers")


def test_a_box_with_one_number_more_may_have_an_angle(write_yolo):
    (problem,) = read_dataset(write_yolo({"a": f"{BOX} .785\n{BOX}"})).problems
    assert problem.what == "has 6 fields, a box has 5 (a score, a track id or an angle?)"


@pytest.mark.parametrize("points", [" .1 .1 .9", " .1", ""], ids=["8", "6", "4"])
def test_a_polygon_of_half_a_point_is_told_what_a_polygon_has(write_yolo, points):
    row = BOX + points if points else "0 .5 .5 .5"
    count = len(row.split())
    path = with_key(write_yolo({"a": f"{row}\n{BOX}"}), "label_rows: polygon")
    (problem,) = read_dataset(path).problems
    assert problem.what == (
        f"has {count} fields, a polygon has a class and x, y of three points or more: 7, 9, 11 and "
        "so on"
    )


def test_oriented_boxes_are_among_the_choices_where_rows_may_be_some(write_yolo):
    choice = r"may be a polygon, an oriented box, a box .*polygon`, `label_rows: oriented`, `kpt_"
    path = write_yolo({"a": "0 .5 .5 .2 .2 .3 .4 .6 .7"})
    with pytest.raises(DataError, match=choice):
        read_dataset(path)
    assert read_dataset(with_key(path, "label_rows: oriented")).objects == 1
    with pytest.raises(DataError, match="may be a polygon, a box with keypoints"):
        read_dataset(write_yolo({"a": f"{BOX} .9 1"}))
