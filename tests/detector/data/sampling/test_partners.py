"""Partners of mosaic and mixup: of the same source, by the weights of the images."""

from __future__ import annotations

import numpy as np
import pytest

from maenas.detector.data.sampling.partners import AnyPartners, BatchPartners, SourcePartners
from tests.detector.data.sampling.columns import dataset_of_classes

SIX = dataset_of_classes([[0], [], [0], [1], [], []], classes=2)
TWO_SOURCES = np.array([0, 1, 0, 1, 0, 1])


def test_partners_are_of_the_source_of_their_image():
    partners = SourcePartners(SIX, TWO_SOURCES, np.ones(6))
    rng = np.random.default_rng(0)
    assert set(partners.others(rng, 0, 100)) == {0, 2, 4}
    assert set(partners.others(rng, 5, 100)) == {1, 3, 5}


def test_partners_are_drawn_in_proportion_to_their_weights():
    weights = np.array([1.0, 1.0, 3.0, 1.0, 4.0, 1.0])
    partners = SourcePartners(SIX, TWO_SOURCES, weights)
    drawn = np.bincount(partners.others(np.random.default_rng(0), 0, 80_000), minlength=6)
    assert drawn[[0, 2, 4]] / 80_000 == pytest.approx([1 / 8, 3 / 8, 4 / 8], abs=0.01)


def test_mixup_gets_an_image_with_objects():
    partners = SourcePartners(SIX, TWO_SOURCES, np.ones(6))
    rng = np.random.default_rng(0)
    assert {partners.labelled(rng, 0) for _ in range(50)} == {0, 2}
    assert {partners.labelled(rng, 1) for _ in range(50)} == {3}


def test_a_source_without_objects_has_no_partner_for_mixup():
    partners = SourcePartners(SIX, np.array([0, 1, 0, 0, 1, 1]), np.ones(6))
    assert partners.labelled(np.random.default_rng(0), 1) is None


def test_without_sources_any_image_is_a_partner():
    partners = AnyPartners(SIX)
    rng = np.random.default_rng(0)
    assert set(partners.others(rng, 0, 200)) == set(range(6))
    assert {partners.labelled(rng, 0) for _ in range(50)} == {0, 2, 3}


def test_partners_of_a_batch_are_in_the_batch():
    partners = BatchPartners(SIX, (0, 1, 4))
    rng = np.random.default_rng(0)
    assert set(partners.others(rng, 0, 100)) == {0, 1, 4}
    assert {partners.labelled(rng, 1) for _ in range(50)} == {0}
