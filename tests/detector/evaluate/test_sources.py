"""AP on each data set of a union, over the classes that it annotates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maenas.detector.data.dataset import Dataset, Source
from maenas.detector.data.labelled import EVERY_CLASS
from maenas.detector.data.samples import Sample, Samples
from maenas.detector.evaluate.coco import coco_scores
from maenas.detector.evaluate.confusion import confusion
from maenas.detector.evaluate.evaluate import evaluate
from maenas.detector.evaluate.sources import source_scores
from tests.labelled_images import CLASSES, ColourFinder, Row, dataset, found, paint, sample

RED: Row = (0, 4, 4, 20, 20)
GREEN: Row = (1, 30, 30, 60, 60)


def image(path: Path, number: int, *rows: Row) -> Sample:
    """An image with a red and a green square, of which `rows` are labelled."""
    file = path / f"{number}.png"
    paint(file, RED, GREEN)
    return replace(sample(number, *rows, path=str(file)), size=(64, 64))


def union(samples: list[Sample], source_of: list[int], *annotated: list[bool]) -> Dataset:
    columns = replace(Samples.of(samples), source_of=np.array(source_of, np.int16))
    sources = tuple(Source(f"set{k}", np.array(each)) for k, each in enumerate(annotated))
    return Dataset(Path("union.yaml"), columns, CLASSES, (0, 1, 2), sources=sources)


def test_detections_of_a_class_that_an_image_does_not_annotate_do_not_count(tmp_path):
    samples = [image(tmp_path, 0, RED), image(tmp_path, 1, GREEN)]
    known = union(samples, [0, 1], [True, False, True], [False, True, True])
    plain = replace(known, sources=())
    seen = evaluate(ColourFinder(), known)
    assert seen.scores.ap == pytest.approx(1)
    assert confusion(seen.seen, CLASSES).counts[-1].tolist() == [0, 0, 0, 0]
    every = evaluate(ColourFinder(), plain)
    assert every.scores.ap < 1
    assert confusion(every.seen, CLASSES).counts[-1].tolist() == [1, 1, 0, 0]


def test_each_source_has_the_metrics_of_its_own_images(tmp_path):
    shifted: Row = (1, 30, 30, 50, 60)  # IoU 2/3 with the square that is found
    samples = [image(tmp_path, 0, RED), image(tmp_path, 1, shifted), image(tmp_path, 2)]
    every = [True, True, True]
    known = union(samples, [0, 1, 2], [True, False, True], every, every)
    seen = evaluate(ColourFinder(), known).seen
    first, second, third = source_scores(known, seen)
    assert (first.name, first.images, first.objects, first.classes) == ("set0", 1, 1, 1)
    assert first.scores is not None
    assert first.scores.ap == pytest.approx(1)
    assert second.scores is not None
    assert second.scores.ap == pytest.approx(0.4)  # found at IoU 0.5 to 0.65, of 0.5 to 0.95
    assert second.scores.ap50 == pytest.approx(1)
    assert third.scores is None
    assert third.to_json() == {
        "name": "set2",
        "images": 1,
        "objects": 0,
        "classes": 0,
        "scores": None,
    }
    assert [each["name"] for each in second.to_json()["scores"]["per_class"]] == ["green"]


def test_a_data_set_of_one_source_has_no_metrics_by_source(tmp_path):
    plain = dataset(image(tmp_path, 0, RED))
    assert source_scores(plain, evaluate(ColourFinder(), plain).seen) == ()


def test_detections_in_a_region_to_ignore_in_every_class_do_not_count():
    whole: Row = (EVERY_CLASS, 100, 0, 300, 200)
    labelled = dataset(sample(1, (0, 0, 0, 50, 50), whole, crowd=(1,)), sample(2, (1, 0, 0, 9, 9)))
    inside = [(0.9, (label, 150, 50, 160, 60)) for label in (0, 1)]
    right = (0.8, (0, 0, 0, 50, 50)), (0.7, (1, 0, 0, 9, 9))
    scores = coco_scores(labelled, {1: found(*inside, right[0]), 2: found(right[1])})
    assert scores.ap == pytest.approx(1)
    outside = coco_scores(labelled, {1: found((0.9, (0, 60, 60, 90, 90)), right[0]), 2: found()})
    assert outside.ap < 0.5
