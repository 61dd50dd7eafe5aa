"""Frequencies of sources and classes, before and after sampling."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from maenas.detector.data.sampling.options import SamplingOptions
from maenas.detector.data.sampling.stats import data_stats
from tests.detector.data.sampling.columns import dataset_of_classes

# Source 0 has one image, of class 0; source 1 has four: two of class 0, one of 1, one background.
UNION = dataset_of_classes(
    [[0], [0, 0], [0], [1], []], classes=3, sources=[0, 1, 1, 1, 1], crowd=[False] * 5
)


def test_sources_are_counted_before_and_after():
    stats = data_stats(UNION, "train", SamplingOptions(power=0.5, epoch_images=30), Path("u.yaml"))
    small, large = stats.sources
    assert (small.name, small.images, small.objects) == ("set 0", 1, 1)
    assert (large.name, large.images, large.objects) == ("set 1", 4, 4)
    assert [small.share, large.share] == [0.2, 0.8]
    assert [small.drawn_share, large.drawn_share] == pytest.approx([1 / 3, 2 / 3])
    assert [small.epochs, large.epochs] == pytest.approx([10.0, 5.0])
    assert (stats.images, stats.background, stats.drawn) == (5, 1, 30)


def test_classes_are_counted_before_and_after():
    stats = data_stats(UNION, "train", SamplingOptions(power=0.5, epoch_images=30), Path("u.yaml"))
    most, rare, none = stats.classes
    assert (most.images, most.objects, most.share) == (3, 4, 0.6)
    assert most.drawn_share == pytest.approx((10 + 2 * 5) / 30)
    assert most.epochs == pytest.approx(20 / 3, abs=1e-6)
    assert (rare.images, rare.epochs) == (1, 5.0)
    assert (none.images, none.epochs) == (0, 0.0)


def test_without_sampling_nothing_changes():
    stats = data_stats(UNION, "train", SamplingOptions(), Path("u.yaml"))
    for row in (*stats.sources, *stats.classes[:2]):
        assert row.drawn_share == pytest.approx(row.share)
        assert row.epochs == 1.0


def test_the_result_is_plain_json():
    written = data_stats(UNION, "val", SamplingOptions(class_aware=0.5), Path("u.yaml")).to_json()
    again = json.loads(json.dumps(written))
    assert again["schema"] == "maenas/data-stats@1"
    assert again["sampling"]["class_aware"] == 0.5
    assert again["classes"][2]["name"] == "class 2"
