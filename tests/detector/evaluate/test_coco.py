"""COCO's numbers: against pycocotools run by hand, and against cases worked out here."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.readers.coco.reader import read_coco
from maenas.detector.evaluate import coco
from maenas.detector.evaluate.coco import CocoScores, coco_scores
from maenas.detector.predict.results import Objects
from tests.labelled_images import dataset, found, paint, sample

IDS = (7, 3, 90)  # of the file, in no order
ONE = pytest.approx(1)  # pycocotools divides by a little more than the count
RED = (0, 10.0, 10.0, 50.0, 50.0)


@pytest.fixture(autouse=True)
def _pycocotools(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests below hold for pycocotools, whatever else is installed."""
    monkeypatch.setattr(coco, "FASTER", "no_such_program")


def test_the_numbers_are_those_of_pycocotools_on_the_file(tmp_path: Path) -> None:
    path, data, guesses = random_set(tmp_path)
    ours = coco_scores(data, guesses)
    theirs = by_hand(path, results_of(data, guesses))
    assert [getattr(ours, name) for name in TWELVE] == pytest.approx(theirs, abs=1e-12)
    assert ours.ap > 0.1
    assert None not in [getattr(ours, name) for name in TWELVE]
    for k, each in enumerate(ours.per_class):
        alone = by_hand(path, results_of(data, guesses), data.category_ids[k])
        assert (each.ap, each.ap50, each.ar) == pytest.approx(
            (alone[0], alone[1], alone[8]), abs=1e-12
        )


def test_ap_is_the_area_under_the_curve_worked_out_by_hand() -> None:
    # Two objects. Findings by falling score: right, wrong, right. So precision is 1 up to recall
    # 1/2 and 2/3 from there to 1: of the 101 recalls 0 .. 0.50 (51 of them) see 1, 50 see 2/3.
    data = dataset(sample(1, RED, (0, 100, 10, 150, 60)))
    guesses = found((0.9, RED), (0.8, (0, 200, 100, 250, 150)), (0.7, (0, 100, 10, 150, 60)))
    scores = coco_scores(data, {1: guesses})
    expected = (51 * 1 + 50 * 2 / 3) / 101
    assert [scores.ap, scores.ap50, scores.ap75] == pytest.approx([expected] * 3)
    assert scores.ar100 == 1
    assert scores.ar1 == 0.5


def test_boxes_count_at_the_ious_they_reach() -> None:
    # 40 x 40 found as 40 x 30: IoU 0.75, right at 0.50 .. 0.75, which are 6 of 10 thresholds
    scores = coco_scores(dataset(sample(1, RED)), {1: found((0.9, (0, 10, 10, 50, 40)))})
    assert (scores.ap50, scores.ap75, scores.ap) == (ONE, ONE, pytest.approx(0.6))


def test_perfect_findings_have_ap_1_and_none_have_0() -> None:
    rows = (RED, (1, 100, 10, 150, 60), (2, 5, 100, 25, 120))
    data = dataset(sample(1, *rows), sample(2))
    perfect = coco_scores(data, {1: found(*((0.9, row) for row in rows)), 2: found()})
    assert (perfect.ap, perfect.ap50, perfect.ar100) == (ONE, ONE, ONE)
    assert [each.ap for each in perfect.per_class] == [ONE, ONE, ONE]
    nothing = coco_scores(data, {1: found(), 2: found()})
    assert (nothing.ap, nothing.ap50, nothing.ar100) == (0, 0, 0)


def test_what_is_not_there_has_no_number_rather_than_a_bad_one() -> None:
    scores = coco_scores(dataset(sample(1, RED)), {1: found((0.9, RED))})  # 40 x 40: medium
    assert (scores.ap_medium, scores.ap_small, scores.ap_large) == (ONE, None, None)
    assert [each.ap for each in scores.per_class] == [ONE, None, None]
    assert scores.ap == ONE  # absent classes do not count
    assert np.isnan(scores.precision[:, :, 1]).all()
    assert json.loads(json.dumps(scores.to_json()))["per_class"][1]["ap"] is None


def test_findings_upon_a_crowd_count_neither_way() -> None:
    crowd = (0, 100.0, 0.0, 300.0, 200.0)
    within = [(0.95, (0, 110.0 + 30 * i, 20.0, 135.0 + 30 * i, 60.0)) for i in range(4)]
    guesses = {1: found(*within, (0.9, RED))}
    assert coco_scores(dataset(sample(1, RED, crowd, crowd=(1,))), guesses).ap == ONE
    as_object = coco_scores(dataset(sample(1, RED, crowd)), guesses)
    assert as_object.ap < 0.2  # four false ones come first
    assert (
        coco_scores(dataset(sample(1, RED, crowd, crowd=(1,))), guesses).per_class[0].objects == 1
    )


def test_classes_keep_their_numbers_whatever_the_order_of_these() -> None:
    data = dataset(sample(1, RED, (1, 100, 10, 150, 60)), ids=(7, 3, 90))
    scores = coco_scores(data, {1: found((0.9, RED))})
    assert [(each.name, each.category_id) for each in scores.per_class] == [
        *(("red", 7), ("green", 3), ("blue", 90))
    ]
    assert [each.ap for each in scores.per_class] == [ONE, 0, None]


def test_images_without_an_entry_are_left_out() -> None:
    data = dataset(sample(1, RED), sample(2, RED))
    assert coco_scores(data, {1: found((0.9, RED))}).ap == ONE
    assert coco_scores(data, {1: found((0.9, RED)), 2: found()}).ar100 == 0.5


def test_sizes_are_those_the_data_set_gives() -> None:
    large = sample(1, RED)
    object.__setattr__(large, "areas", np.array([100.0], dtype=np.float32))  # of a thin mask
    scores = coco_scores(dataset(large), {1: found((0.9, RED))})
    assert scores.ap_small == ONE
    assert scores.ap_medium is None


@pytest.mark.parametrize("crowd", [(), (0,)], ids=["empty", "crowds alone"])
def test_no_object_is_an_error(crowd: tuple[int, ...]) -> None:
    data = dataset(sample(1, RED, crowd=crowd) if crowd else sample(1))
    with pytest.raises(DataError, match=r"set\.json: none of 1 images has an object"):
        coco_scores(data, {1: found()})


def test_more_detections_count_where_images_are_dense() -> None:
    # 12 objects of one class, all found, behind 3 wrong boxes that score more: of the best 10, 7
    # are right, so recall reaches 7/12; of 20, it reaches 1
    rows = [(0, 10.0 * n, 10.0, 10.0 * n + 8, 20.0) for n in range(12)]
    wrong = [(0.9, (0, 10.0 * n, 100.0, 10.0 * n + 8, 120.0)) for n in range(3)]
    guesses = {1: found(*wrong, *((0.8, row) for row in rows))}
    data = dataset(sample(1, *rows))
    few, many = (coco_scores(data, guesses, limit) for limit in (10, 20))
    assert (few.ar100, few.ar10) == (pytest.approx(7 / 12), pytest.approx(7 / 12))
    assert (many.ar100, many.ar10) == (1, pytest.approx(7 / 12))
    assert (few.max_detections, many.max_detections) == (10, 20)
    assert few.ap < many.ap


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    coco_scores(dataset(sample(1, RED)), {1: found((0.9, RED))})
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(importlib.util.find_spec("hotcoco") is None, reason="hotcoco is missing")
def test_the_faster_program_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, data, guesses = random_set(tmp_path)
    plain = coco_scores(data, guesses)
    monkeypatch.setattr(coco, "FASTER", "hotcoco")
    faster = coco_scores(data, guesses)
    assert faster.computed_by.startswith("hotcoco")
    assert plain.computed_by.startswith("pycocotools")
    for field in fields(CocoScores):
        if field.name in TWELVE:
            assert getattr(faster, field.name) == pytest.approx(
                getattr(plain, field.name), abs=1e-12
            )
    for one, other in zip(faster.per_class, plain.per_class, strict=True):
        assert (one.ap, one.ap50, one.ar) == pytest.approx((other.ap, other.ap50, other.ar))
    np.testing.assert_allclose(faster.precision, plain.precision)
    np.testing.assert_allclose(faster.confidence, plain.confidence)
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(importlib.util.find_spec("hotcoco") is None, reason="hotcoco is missing")
def test_a_process_forked_from_one_that_used_the_faster_program_takes_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, data, guesses = random_set(tmp_path)
    monkeypatch.setattr(coco, "FASTER", "hotcoco")
    assert coco_scores(data, guesses).computed_by.startswith("hotcoco")
    monkeypatch.setattr("os.getpid", lambda: 1)
    assert coco_scores(data, guesses).computed_by.startswith("pycocotools")


TWELVE = (
    *("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large"),
    *("ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large"),
)


def random_set(folder: Path) -> tuple[Path, Dataset, dict[int, Objects]]:
    """A COCO file of 40 images with crowds, read, and findings of mixed quality.

    Coordinates are multiples of 1/8, so that 32-bit floats hold them as the file does.
    """
    rng = np.random.default_rng(0)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(40):
        paint(folder / f"{number}.png")
        image_id = 1000 - 7 * number
        images.append({"id": image_id, "file_name": f"{number}.png", "width": 400, "height": 300})
        for _ in range(rng.integers(0, 12)):
            width, height = np.exp(rng.uniform(2, 5, 2)).round(3) // 0.125 * 0.125
            x, y = (rng.uniform(0, 400 - width), rng.uniform(0, 300 - height))
            box = [x // 0.125 * 0.125, y // 0.125 * 0.125, width, height]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": int(rng.choice(IDS)),
                    "bbox": [float(side) for side in box],
                    "area": float(int(width * height * rng.uniform(0.5, 1))),
                    "iscrowd": int(rng.random() < 0.15),
                }
            )
    path = folder / "set.json"
    categories = [{"id": number, "name": f"class {number}"} for number in IDS]
    told = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(told))
    data = read_coco(path, folder)
    assert not data.problems
    assert len(data) == 40
    return path, data, {each.image_id: guess(rng, each.boxes, each.labels) for each in data.samples}


def guess(rng: np.random.Generator, boxes: np.ndarray, labels: np.ndarray) -> Objects:
    """Three tries at each object, some of another class, and some at nothing."""
    tries = np.repeat(boxes, 3, axis=0)
    tries = tries + rng.normal(0, 0.06, tries.shape) * np.tile(tries[:, 2:] - tries[:, :2], 2)
    beside = rng.uniform(0, 200, (4, 4))
    beside[:, 2:] += beside[:, :2]
    every = (np.concatenate((tries, beside)) // 0.125 * 0.125).astype(np.float32)
    every[:, 2:] = np.maximum(every[:, 2:], every[:, :2] + 1)
    classes = np.concatenate((np.repeat(labels, 3), rng.integers(0, 3, 4)))
    classes = np.where(rng.random(len(classes)) < 0.1, rng.integers(0, 3, len(classes)), classes)
    scores = rng.random(len(classes)).astype(np.float32)
    order = np.argsort(-scores)
    return Objects((300, 400), every[order], scores[order], classes[order], ())


def results_of(data: Dataset, guesses: dict[int, Objects]) -> list[dict[str, object]]:
    """COCO results, in full precision."""
    return [
        {
            "image_id": image_id,
            "category_id": data.category_ids[label],
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": score,
        }
        for image_id, objects in guesses.items()
        for label, score, (x1, y1, x2, y2) in zip(
            objects.classes.tolist(), objects.scores.tolist(), objects.boxes.tolist(), strict=True
        )
    ]


def by_hand(path: Path, rows: list[dict[str, object]], category: int | None = None) -> list[float]:
    """The twelve numbers as pycocotools' own example computes them."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(path))
        run = COCOeval(truth, truth.loadRes(rows), "bbox")
        if category is not None:
            run.params.catIds = [category]
        run.evaluate()
        run.accumulate()
        run.summarize()
    return run.stats.tolist()
