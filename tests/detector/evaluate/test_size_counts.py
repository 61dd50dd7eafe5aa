"""Counts of objects by size."""

from __future__ import annotations

from maenas.detector.evaluate.evaluate import Seen
from maenas.detector.evaluate.size_counts import size_counts
from tests.labelled_images import found, sample

SMALL, LARGE = (0, 10.0, 10.0, 20.0, 20.0), (0, 50.0, 50.0, 150.0, 150.0)
OTHER = (1, 10.0, 100.0, 30.0, 120.0)


def test_objects_are_counted_by_the_side_of_a_square_of_their_area():
    seen = Seen(sample(1, SMALL, LARGE, OTHER), found((0.9, LARGE), (0.8, (2, *OTHER[1:]))))
    counts = {
        each.name: (each.right, each.confused, each.missed) for each in size_counts([seen], 0.5)
    }
    assert counts == {
        "8-16": (0, 0, 1),
        "16-32": (0, 1, 0),
        "32-64": (0, 0, 0),
        "64-96": (0, 0, 0),
        "96-192": (1, 0, 0),
    }


def test_detections_below_the_threshold_find_nothing():
    (count,) = size_counts([Seen(sample(1, LARGE), found((0.4, LARGE)))], 0.5)
    assert (count.name, count.right, count.missed, count.objects) == ("96-192", 0, 1, 1)


def test_images_without_objects_have_no_sizes():
    assert size_counts([Seen(sample(1), found((0.9, LARGE)))], 0.5) == []
