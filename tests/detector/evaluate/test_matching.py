"""Objects and findings paired at one score, and what comes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maenas.detector.evaluate.coco import coco_scores
from maenas.detector.evaluate.confusion import confusion, plot_confusion
from maenas.detector.evaluate.curves import (
    MAX_NAMED,
    class_style,
    f1_curves,
    plot_curves,
    working_point,
)
from maenas.detector.evaluate.evaluate import Seen
from maenas.detector.evaluate.matching import match
from maenas.detector.evaluate.worst import (
    CONFUSED,
    MOST_FALSE,
    RIGHT,
    WRONG,
    draw_worst,
    save_worst,
    worst_images,
)
from maenas.detector.media.images import read_image
from tests.labelled_images import CLASSES, Row, dataset, found, paint, sample

RED, GREEN, BLUE = ((label, 10.0 + 80 * label, 10.0, 50.0 + 80 * label, 50.0) for label in range(3))


def as_class(row: Row, label: int) -> Row:
    return (label, *row[1:])


def test_each_object_is_found_once() -> None:
    pairs = match(sample(1, RED, GREEN), found((0.9, GREEN), (0.8, RED), (0.7, RED)))
    assert set(pairs.right) == {(1, 0), (0, 1)}
    assert (pairs.confused, pairs.missed, pairs.false) == ((), (), (2,))  # the second red is false
    assert pairs.mistakes == 1


def test_another_class_on_an_object_is_a_confusion_not_two_mistakes() -> None:
    pairs = match(sample(1, RED), found((0.9, as_class(RED, 2))))
    assert pairs.confused == ((0, 0),)
    assert pairs.mistakes == 1


def test_the_right_class_goes_first_whatever_its_score() -> None:
    pairs = match(sample(1, RED), found((0.9, as_class(RED, 2)), (0.5, RED)))
    assert pairs.right == ((0, 1),)
    assert pairs.false == (0,)


def test_an_object_without_enough_overlap_is_missed_and_the_finding_false() -> None:
    half = (0, 10.0, 10.0, 50.0, 29.0)  # 19 of 40 rows: IoU 0.475
    pairs = match(sample(1, RED), found((0.9, half)))
    assert pairs.missed == (0,)
    assert pairs.false == (0,)
    assert match(sample(1, RED), found((0.9, half)), min_iou=0.47).right == ((0, 0),)


def test_findings_below_the_score_do_not_count() -> None:
    assert match(sample(1, RED), found((0.4, RED))).missed == (0,)
    assert match(sample(1, RED), found((0.4, RED)), min_score=0.39).right == ((0, 0),)


def test_a_crowd_takes_findings_of_its_class_and_is_never_missed() -> None:
    crowd = (0, 100.0, 0.0, 300.0, 200.0)
    some = found(
        (0.9, (0, 110.0, 20.0, 130.0, 60.0)),
        (0.8, (0, 150.0, 20.0, 170.0, 60.0)),
        (0.7, (1, 200.0, 20.0, 220.0, 60.0)),
    )
    pairs = match(sample(1, crowd, crowd=(0,)), some)
    assert (pairs.right, pairs.missed, pairs.false) == ((), (), (2,))  # green is not in the crowd


def test_nothing_there_and_nothing_found_match() -> None:
    assert match(sample(1), found()).mistakes == 0
    assert match(sample(1, RED), found()).missed == (0,)
    assert match(sample(1), found((0.9, RED))).false == (0,)


def test_the_confusion_matrix_counts_every_object_and_every_finding(tmp_path: Path) -> None:
    seen = [
        Seen(sample(1, RED, GREEN), found((0.9, RED), (0.8, as_class(GREEN, 2)))),
        Seen(sample(2, RED), found((0.7, BLUE))),
    ]
    matrix = confusion(seen, CLASSES)
    assert matrix.counts.tolist() == [
        [1, 0, 0, 1],  # red: found, missed
        [0, 0, 1, 0],  # green: taken for blue
        [0, 0, 0, 0],
        [0, 0, 1, 0],  # blue found where nothing is
    ]
    assert matrix.to_json()["names"] == ["red", "green", "blue", "background"]
    plot_confusion(matrix, tmp_path / "confusion.png")
    assert read_image(tmp_path / "confusion.png").std() > 10


def test_names_that_a_font_or_a_formula_would_stumble_over_are_drawn(tmp_path: Path) -> None:
    matrix = confusion([], ("$a_b^$", "狗", "{x"))
    plot_confusion(matrix, tmp_path / "confusion.png")
    assert (tmp_path / "confusion.png").stat().st_size > 1000


def test_f1_is_best_where_all_that_is_right_is_in_and_what_is_wrong_out(tmp_path: Path) -> None:
    # red: right at 0.75 and 0.5, wrong at 0.25; so from 0.25 to 0.5 recall and precision are 1
    other = (0, 10.0, 100.0, 50.0, 140.0)
    wrong = (0, 200.0, 100.0, 240.0, 140.0)
    data = dataset(sample(1, RED, other))
    scores = coco_scores(data, {1: found((0.75, RED), (0.5, other), (0.25, wrong))})
    point = working_point(scores)
    assert point.f1 == pytest.approx(1)
    assert point.min_score == pytest.approx(0.5)  # the highest of the best
    curves = f1_curves(scores)
    assert curves[:, 0][[0, 100, 101, 150, 151]] == pytest.approx(
        [1, 1, 2 * 0.5 / 1.5, 2 * 0.5 / 1.5, 0]  # recall 1/2 at precision 1 above 0.5
    )
    assert np.isnan(curves[:, 1:]).all()
    plot_curves(scores, tmp_path / "curves.png")
    assert read_image(tmp_path / "curves.png").std() > 10


def test_the_best_threshold_keeps_detections_of_full_confidence() -> None:
    """A detection counts if its confidence is above the threshold, so 1 would drop them all."""
    scores = coco_scores(dataset(sample(1, RED)), {1: found((1.0, RED))})
    assert working_point(scores).min_score == pytest.approx(0.995)
    assert working_point(scores).f1 == pytest.approx(1)


def test_no_two_classes_of_a_plot_with_a_legend_look_alike() -> None:
    assert len({str(class_style(place)) for place in range(MAX_NAMED)}) == MAX_NAMED


def test_the_worst_images_come_first_and_good_ones_not_at_all() -> None:
    good = Seen(sample(1, RED), found((0.9, RED)))
    bad = Seen(sample(2, RED, GREEN), found((0.9, GREEN)))
    worse = Seen(sample(3, RED, GREEN), found((0.9, BLUE)))
    worst = worst_images([good, bad, worse])
    assert [each.seen.sample.image_id for each in worst] == [3, 2]
    assert worst[0].to_json() == {
        **{"file": "a.png", "image_id": 3},
        **{"missed": 2, "false": 1, "confused": 0},
    }
    assert len(worst_images([good, bad, worse], count=1)) == 1


def test_a_worst_image_shows_truth_on_the_left_and_findings_on_the_right(tmp_path: Path) -> None:
    red, green, blue = (0, 4, 30, 20, 60), (1, 24, 30, 40, 60), (2, 44, 30, 60, 60)
    path = tmp_path / "dog.png"
    paint(path)
    labelled = sample(1, red, green, path=str(path))
    object.__setattr__(labelled, "size", (64, 64))
    objects = found((0.9, red), (0.8, as_class(green, 2)), (0.7, blue))
    (worst,) = worst_images([Seen(labelled, objects)])
    drawn = draw_worst(worst, read_image(path))
    assert drawn.shape == (320, 320 + 8 + 320, 3)  # five times as large
    bottom, right = 5 * 60 - 1, 320 + 8
    assert tuple(drawn[bottom, 20]) == RIGHT
    assert tuple(drawn[bottom, right + 20]) == RIGHT
    assert tuple(drawn[bottom, 120]) == CONFUSED
    assert tuple(drawn[bottom, right + 120]) == CONFUSED
    assert tuple(drawn[bottom, 220]) == (0, 0, 0)
    assert tuple(drawn[bottom, right + 220]) == WRONG
    (saved,) = save_worst([worst], tmp_path / "worst")
    assert saved == tmp_path / "worst" / "01-dog.jpg"
    difference = read_image(saved).astype(int) - drawn
    assert abs(difference).mean() < 10  # JPEG blurs colours


def test_of_hundreds_of_false_detections_the_most_confident_are_drawn_and_counted() -> None:
    boxes = [(2, 3.0 * at, 120.0, 3.0 * at + 2, 160.0) for at in range(60)]
    scores = [0.99 - at / 200 for at in range(60)]
    (worst,) = worst_images([Seen(sample(1, RED), found(*zip(scores, boxes, strict=True)))])
    drawn = draw_worst(worst, np.zeros((200, 300, 3), dtype=np.uint8))
    right = drawn[2 * 159, 2 * 300 + 8 :]  # the lower sides of all boxes, twice as large
    assert (right == WRONG).all(axis=1).sum() == MOST_FALSE * 4
    assert worst.caption == "1 missed, 60 false; the 10 most confident false ones are drawn"
    (worst,) = worst_images([Seen(sample(1, RED), found((0.9, GREEN)))])
    assert worst.caption == "1 missed, 1 false"


def test_large_images_are_made_smaller_with_their_boxes(tmp_path: Path) -> None:
    labelled = sample(1, (0, 960.0, 480.0, 1900.0, 900.0))
    (worst,) = worst_images([Seen(labelled, found())])
    drawn = draw_worst(worst, np.zeros((960, 1920, 3), dtype=np.uint8))
    assert drawn.shape == (480, 960 + 8 + 960, 3)
    assert tuple(drawn[449, 700]) == WRONG  # the lower side at 900 / 2
