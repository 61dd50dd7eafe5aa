"""The images of an epoch: close to their law, the same for a seed, for every number of ranks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maenas.detector.data.loader import LoaderOptions
from maenas.detector.data.sampling.balance import whole_totals
from maenas.detector.data.sampling.classes import image_classes
from maenas.detector.data.sampling.draws import EpochSampler, copies_of
from maenas.detector.data.sampling.options import SamplingOptions
from tests.detector.data.sampling.columns import dataset_of_classes

RARE = SamplingOptions(class_aware=0.4, epoch_images=240)


@pytest.fixture(scope="module")
def tail():
    """600 images of 20 classes, whose frequencies fall as 1 / rank; some are background."""
    rng = np.random.default_rng(0)
    odds = 1 / np.arange(1, 21)
    images = [
        rng.choice(20, size=rng.integers(0, 4), p=odds / odds.sum()).tolist() for _ in range(600)
    ]
    return dataset_of_classes(images, classes=20)


def test_every_image_is_drawn_as_often_as_expected_rounded_down_or_up(tail):
    sampler = EpochSampler(tail, RARE, seed=1)
    for epoch in range(5):
        counts = sampler.counts(epoch)
        assert counts.sum() == 240
        assert (counts >= np.floor(sampler.law.expected)).all()
        assert (counts <= np.ceil(sampler.law.expected)).all()


def test_images_are_drawn_as_often_as_expected_on_average(tail):
    sampler = EpochSampler(tail, RARE, seed=1)
    drawn = sum(sampler.counts(epoch) for epoch in range(100))
    assert np.abs(drawn - 100 * sampler.law.expected).max() < 20  # 4 standard deviations


def test_classes_are_drawn_as_often_as_the_law_says(tail):
    """Independent draws would be wrong by twice the root of their number."""
    sampler = EpochSampler(tail, replace(RARE, epoch_images=6_000), seed=1)
    held = image_classes(tail)
    expected = held.totals(sampler.law.expected)
    drawn = held.totals(sampler.counts(0).astype(np.float64))
    assert np.abs(drawn / expected - 1).max() < 0.01


def test_each_source_is_met_within_one_draw(tail):
    sources = np.repeat([0, 1, 2], (400, 150, 50)).tolist()
    labels = np.split(tail.columns.labels, tail.columns.ends[1:-1])
    joined = dataset_of_classes([list(each) for each in labels], classes=20, sources=sources)
    sampler = EpochSampler(joined, replace(RARE, power=0.5), seed=1)
    law = sampler.law
    assert whole_totals(law).sum() == 240
    assert np.abs(whole_totals(law) - 240 * law.shares).max() < 1
    for epoch in range(3):
        drawn = np.bincount(law.source_of, sampler.counts(epoch))
        assert drawn.tolist() == whole_totals(law).tolist()


def test_repetitions_of_an_image_are_numbered():
    assert copies_of(np.array([5, 2, 5, 5, 2, 9])).tolist() == [0, 0, 1, 2, 1, 0]


def test_draws_depend_on_seed_and_epoch_alone(tail):
    one, other = EpochSampler(tail, RARE, 1), EpochSampler(tail, RARE, 1)
    assert list(one.draws(0).images) != list(one.draws(1).images)
    assert one.draws(3).images.tolist() == other.draws(3).images.tolist()
    assert one.draws(3).images.tolist() != EpochSampler(tail, RARE, 2).draws(3).images.tolist()


@pytest.mark.parametrize("world", [1, 2, 4])
def test_all_ranks_together_draw_the_same_images(tail, world):
    draws = EpochSampler(tail, RARE, 1).draws(0)
    shares = []
    for rank in range(world):
        options = LoaderOptions((64, 64), 8, 2, sampling=RARE, rank=rank, world=world)
        assert options.batches(len(tail)) == -(-240 // world // 8)
        shares.append(draws.images[options.own(np.arange(240))])
    assert {len(share) for share in shares} == {240 // world}
    assert sorted(np.concatenate(shares).tolist()) == sorted(draws.images.tolist())


def test_an_epoch_as_long_as_the_data_set_without_weights_holds_every_image_once(tail):
    counts = EpochSampler(tail, SamplingOptions(epoch_images=600), seed=0).counts(0)
    assert counts.tolist() == [1] * 600
