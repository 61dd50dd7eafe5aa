"""The law of the draws, against values that are worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from maenas.blocks.errors import SpecError
from maenas.detector.data.sampling.classes import image_classes
from maenas.detector.data.sampling.law import image_weights, sampling_law, source_shares
from maenas.detector.data.sampling.options import SamplingOptions
from tests.detector.data.sampling.columns import dataset_of_classes

# Class 0 is in 8 of 10 images, class 1 in 2, class 2 in 1; image 9 is background.
TEN = [[0], [0, 0], [0], [0], [0], [0], [0, 1], [0, 1, 2], [], []]


@pytest.mark.parametrize(
    ("power", "expected"),
    [
        (1.0, [1 / 111, 10 / 111, 100 / 111]),
        (0.5, [1 / (1 + 10**0.5 + 10), 10**0.5 / (1 + 10**0.5 + 10), 10 / (1 + 10**0.5 + 10)]),
        (0.0, [1 / 3, 1 / 3, 1 / 3]),
    ],
)
def test_a_source_is_drawn_in_proportion_to_a_power_of_its_size(power, expected):
    shares = source_shares(np.array([100, 1_000, 10_000]), power)
    assert shares.tolist() == pytest.approx(expected)


def test_a_source_without_images_is_never_drawn():
    assert source_shares(np.array([10, 0, 10]), 0.0).tolist() == [0.5, 0.0, 0.5]


def test_an_image_weighs_as_much_as_its_rarest_class():
    held = image_classes(dataset_of_classes(TEN, classes=3))
    weights = image_weights(held, np.zeros(10, dtype=np.int64), 0.4, cap=10.0)
    # f = 0.8, 0.2, 0.1: factors 1, sqrt(0.4 / 0.2), sqrt(0.4 / 0.1)
    assert weights.tolist() == pytest.approx([1] * 6 + [2**0.5, 2.0, 1, 1])


def test_the_factor_is_capped():
    held = image_classes(dataset_of_classes(TEN, classes=3))
    weights = image_weights(held, np.zeros(10, dtype=np.int64), 0.4, cap=1.5)
    assert weights.max() == 1.5


def test_without_a_threshold_a_class_is_rare_below_the_median_of_its_source():
    held = image_classes(dataset_of_classes(TEN, classes=4))  # class 3 has no image
    weights = image_weights(held, np.zeros(10, dtype=np.int64), None, cap=10.0)
    assert weights.tolist() == pytest.approx([1] * 6 + [1.0, 2**0.5, 1, 1])  # median 0.2


def test_regions_to_ignore_make_no_class():
    dataset = dataset_of_classes([[0], [1]], classes=2, crowd=[False, True])
    assert image_classes(dataset).image.tolist() == [0]


def test_rare_is_what_is_rare_in_its_own_source():
    images = [[0], [0], [0], [1], [1], [1], [1], [0]]
    dataset = dataset_of_classes(images, classes=2, sources=[0, 0, 0, 0, 1, 1, 1, 1])
    options = SamplingOptions(power=0.0, class_aware=0.5)
    law = sampling_law(dataset, options)
    rare = 2**0.5  # f is 0.25, t is 0.5
    assert law.weights.tolist() == pytest.approx([1, 1, 1, rare, 1, 1, 1, rare])
    assert law.expected[3] == pytest.approx(4 * rare / (3 + rare))


def test_sources_are_drawn_by_their_smoothed_sizes_whatever_their_images_weigh():
    dataset = dataset_of_classes(
        [[0]] * 4 + [[0]] * 15 + [[1]], classes=2, sources=[0] * 4 + [1] * 16
    )
    law = sampling_law(dataset, SamplingOptions(power=0.5, class_aware=True, epoch_images=60))
    assert law.expected[:4].sum() == pytest.approx(60 * 2 / (2 + 4))
    assert law.expected[4:].sum() == pytest.approx(60 * 4 / (2 + 4))


def test_the_expected_draws_of_an_epoch_add_up_to_its_length():
    options = SamplingOptions(class_aware=0.4, epoch_images=25)
    law = sampling_law(dataset_of_classes(TEN, classes=3), options)
    assert law.expected.sum() == pytest.approx(25)
    assert law.expected[7] == pytest.approx(25 * 2 / (8 + 2**0.5 + 2))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"power": 1.5}, "power must be 0 to 1, got 1.5"),
        ({"power": float("nan")}, "power must be 0 to 1, got nan"),
        ({"class_aware": 0.0}, "class_aware must be true, false or a share"),
        ({"class_aware": 2.0}, "at most 1, got 2.0"),
        ({"cap": 0.5}, "cap must be a number of at least 1, got 0.5"),
        ({"cap": float("inf")}, "cap must be a number of at least 1, got inf"),
        ({"epoch_images": 0}, "epoch_images must be 1 to 100,000,000, got 0"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, said):
    with pytest.raises(SpecError, match=said):
        SamplingOptions(**wrong)


def test_a_training_is_told_what_an_epoch_draws():
    assert SamplingOptions().notes(9_000) == []
    (note,) = SamplingOptions(power=0.5, epoch_images=4_000).notes(9_000)
    assert note.startswith("sampling: an epoch draws 4,000 times from 9,000 images; ")
