"""Results as files."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maenas.detector.predict.results import (
    COCO_IDS,
    AnnotationError,
    CocoIds,
    Objects,
    coco_results,
    default_ids,
    load_ids,
)

FOUND = Objects(
    (100, 200),
    np.array([[10, 20, 30.5, 60], [0, 0, 200, 100]], dtype=np.float32),
    np.array([0.9, 0.25], dtype=np.float32),
    np.array([1, 0]),
    ("cat", "dog"),
)
ANNOTATIONS = {
    "images": [{"id": 7, "file_name": "val/a.jpg", "width": 200, "height": 100}],
    "categories": [{"id": 5, "name": "dog"}, {"id": 3, "name": "cat"}],
    "annotations": [
        {
            "id": 1,
            "image_id": 7,
            "category_id": 5,
            "bbox": [10, 20, 20.5, 40],
            "area": 820,
            "iscrowd": 0,
        }
    ],
}


def test_objects_have_names_and_a_number_where_they_have_none() -> None:
    assert FOUND.labels == ("dog", "cat")
    assert len(FOUND) == 2
    nameless = Objects(FOUND.size, FOUND.boxes, FOUND.scores, FOUND.classes, ())
    assert nameless.labels == ("1", "0")


def test_one_label_is_kept_of_boxes_that_overlap_more_than_the_threshold() -> None:
    boxes = [[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 5], [20, 0, 30, 10]]  # IoU 0.9, 0.5, 0
    found = replace(
        FOUND,
        boxes=np.array(boxes, dtype=np.float32),
        scores=np.array([0.9, 0.8, 0.7, 0.6], dtype=np.float32),
        classes=np.array([1, 0, 0, 0]),
    )
    assert found.with_one_label(0.7).scores.tolist() == pytest.approx([0.9, 0.7, 0.6])
    assert found.with_one_label(0.95).labels == found.labels
    assert found.with_one_label(0.4).labels == ("dog", "cat")
    doubled = replace(found, boxes=found.boxes[[0, 1, 0, 3]])
    assert doubled.with_one_label(1.0).scores.tolist() == pytest.approx([0.9, 0.8, 0.6])


def test_json_holds_the_size_and_each_object() -> None:
    assert json.loads(json.dumps(FOUND.to_json())) == {
        "width": 200,
        "height": 100,
        "objects": [
            {"class": 1, "name": "dog", "score": 0.9, "box": [10, 20, 30.5, 60]},
            {"class": 0, "name": "cat", "score": 0.25, "box": [0, 0, 200, 100]},
        ],
    }


def test_coco_results_have_corner_width_and_height() -> None:
    assert coco_results(FOUND, 7, CocoIds({}, (3, 5))) == [
        {"image_id": 7, "category_id": 5, "bbox": [10, 20, 20.5, 40], "score": 0.9},
        {"image_id": 7, "category_id": 3, "bbox": [0, 0, 200, 100], "score": 0.25},
    ]


def test_pycocotools_takes_the_results(tmp_path: Path) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    path = written(tmp_path, ANNOTATIONS)
    ids = load_ids(path, FOUND.names)
    rows = coco_results(FOUND, ids.image(Path("a.jpg"), 1), ids)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(path))
        evaluation = COCOeval(truth, truth.loadRes(rows), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)  # the dog is found where it is


def test_classes_are_matched_by_name(tmp_path: Path) -> None:
    ids = load_ids(written(tmp_path, ANNOTATIONS), ("cat", "dog"))
    assert ids == CocoIds({"a.jpg": 7}, (3, 5))
    assert load_ids(written(tmp_path, ANNOTATIONS), ()).categories == (3, 5)


def test_without_a_data_set_everything_is_numbered_from_one() -> None:
    ids = default_ids(("cat", "dog"), [Path("a.jpg"), Path("7.jpg")])
    assert [ids.category(index) for index in (0, 1)] == [1, 2]
    assert [ids.image(Path("a.jpg"), 1), ids.image(Path("7.jpg"), 2)] == [1, 2]


def test_images_named_by_numbers_keep_them() -> None:
    ids = default_ids((), [Path("000000000139.jpg"), Path("000000000285.jpg")])
    assert ids.image(Path("000000000285.jpg"), 2) == 285
    twice = default_ids((), [Path("a/139.jpg"), Path("b/139.jpg")])
    assert twice.image(Path("b/139.jpg"), 2) == 2


def test_the_classes_of_coco_have_the_numbers_of_coco() -> None:
    assert len(COCO_IDS) == 80
    assert COCO_IDS[:12] == (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13)  # there is no 12
    assert COCO_IDS[-1] == 90
    others = [f"part {number}" for number in range(80)]
    assert default_ids(["person", *others[1:-1], "toothbrush"], []).category(79) == 90
    assert default_ids(others, []).category(79) == 80


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"images": [{"id": 1, "file_name": "a/1.jpg"}, {"id": 2, "file_name": "b/1.jpg"}]}',
            "has two images of one file name",
        ),
        ("no json", "is not a COCO annotation file"),
        ("[]", "is not a COCO annotation file"),
        ('{"images": []}', "is not a COCO annotation file.*categories"),
        ('{"images": [], "categories": [{"id": 1, "name": "cat"}]}', "has no category 'dog'"),
    ],
)
def test_annotations_that_do_not_fit_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "instances.json"
    path.write_text(text)
    with pytest.raises(AnnotationError, match=rf"instances\.json: {message}"):
        load_ids(path, ("cat", "dog"))


def test_missing_annotations_and_images_are_named(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"none.json: no such file"):
        load_ids(tmp_path / "none.json", ())
    with pytest.raises(AnnotationError, match="class 2: the annotation file has only 2 categor"):
        load_ids(written(tmp_path, ANNOTATIONS), ()).category(2)
    with pytest.raises(AnnotationError, match=r"b\.jpg: the annotation file has no such image"):
        CocoIds({"a.jpg": 7}, (1,)).image(Path("b.jpg"), 1)


def written(folder: Path, data: object) -> Path:
    path = folder / "instances.json"
    path.write_text(json.dumps(data))
    return path
