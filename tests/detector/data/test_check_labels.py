"""Likely label errors, checked against plain loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maenas.detector.data import check_labels
from maenas.detector.data.samples import Sample, Samples


def sample(random: np.random.Generator, objects: int) -> Sample:
    corners = random.uniform(0, 40, (objects, 2))
    boxes = np.concatenate((corners, corners + random.uniform(20, 60, (objects, 2))), axis=1)
    boxes = np.concatenate((boxes, boxes[::3] + random.uniform(-0.7, 0.7, boxes[::3].shape)))
    count = len(boxes)
    labels = random.integers(-1, 2, count)
    none = np.zeros(count, dtype=np.bool_)
    areas = np.ones(count, np.float32)
    return Sample(Path("a.jpg"), (100, 100), boxes.astype(np.float32), labels, none, areas, (), 0)


def by_loops(each: Sample) -> int:
    """Number of pairs of one class with an IoU above the limit."""
    found = 0
    for i, (a, label) in enumerate(zip(each.boxes.astype(float), each.labels, strict=True)):
        for b, other in zip(each.boxes[i + 1 :].astype(float), each.labels[i + 1 :], strict=True):
            wide = min(a[2], b[2]) - max(a[0], b[0])
            high = min(a[3], b[3]) - max(a[1], b[1])
            common = max(wide, 0) * max(high, 0)
            both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
            found += int(label == other) * int(common > check_labels.MAX_IOU * (both - common))
    return found


@pytest.mark.parametrize("at_once", [7, 2_000_000])
def test_pairs_of_one_object_are_those_of_plain_loops(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(check_labels, "MAX_PAIRS", at_once)
    random = np.random.default_rng(0)
    samples = [sample(random, objects) for objects in (0, 1, 12, 40, 25)]
    found = check_labels._pairs(Samples.of(samples))
    assert found.tolist() == [by_loops(each) for each in samples]
    assert found.sum() > 5
