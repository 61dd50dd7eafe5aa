"""Images with more detections or objects of a class than COCO's metrics count."""

from __future__ import annotations

import pytest

from maenas.blocks.errors import SpecError
from maenas.detector.evaluate.coco import coco_scores
from maenas.detector.evaluate.counted import lines_about, require_counted, truncation
from maenas.detector.evaluate.evaluate import DetectorEvaluation, Latency, Seen
from maenas.detector.ops.thresholds import Thresholds
from tests.labelled_images import dataset, found, sample

ROWS = [(0, 10.0 * n, 10.0, 10.0 * n + 8, 20.0) for n in range(12)]


def evaluation(objects: int, detections: int, limit: int) -> DetectorEvaluation:
    """Two images: one as stated, of one class, and one with an object that is found."""
    samples = sample(1, *ROWS[:objects]), sample(2, ROWS[0])
    guesses = found(*((0.5, row) for row in ROWS[:detections])), found((0.5, ROWS[0]))
    scores = coco_scores(dataset(*samples), dict(zip((1, 2), guesses, strict=True)), limit)
    seen = tuple(Seen(*each) for each in zip(samples, guesses, strict=True))
    return DetectorEvaluation(scores, Latency(0, 0, 0), seen, (), Thresholds())


def test_detections_that_all_count_are_not_worth_a_line():
    assert lines_about(truncation(evaluation(10, 10, 10))) == []


def test_detections_beyond_the_limit_are_reported():
    (line,) = lines_about(truncation(evaluation(3, 12, 10)))
    assert line.startswith(
        "in 1 of 2 images, more than 10 boxes of a class have a confidence above"
    )
    assert line.endswith("--max-detections 12 counts all")


def test_more_objects_than_count_are_reported_first():
    (line,) = lines_about(truncation(evaluation(11, 12, 10)))
    assert line.startswith("in 1 of 2 images there are more than 10 objects of a class, up to 11,")
    assert "cannot reach 1" in line


def test_too_few_to_compute_the_metrics_are_refused():
    with pytest.raises(SpecError, match=r"^max_detections: must be at least 10, .* got 9\."):
        require_counted(9)
