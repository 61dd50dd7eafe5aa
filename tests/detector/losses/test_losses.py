"""Each loss against plain loops and by hand."""

from __future__ import annotations

from math import exp, floor, log

import pytest
import torch

from maenas.detector.losses import distribution_focal_loss, giou_loss
from maenas.detector.losses.quality_focal import focal_with_slope


@pytest.mark.parametrize("beta", [1.0, 2.0, 3.0])
def test_quality_focal_is_cross_entropy_times_distance(beta: float) -> None:
    for logit, label in [(-3.0, 0.0), (0.5, 0.0), (0.5, 0.7), (4.0, 1.0), (-2.0, 0.3)]:
        score = 1 / (1 + exp(-logit))
        entropy = -(label * log(score) + (1 - label) * log(1 - score))
        loss, _ = focal_with_slope(torch.tensor(logit), torch.tensor(label), beta)
        assert loss.item() == pytest.approx(entropy * abs(label - score) ** beta, rel=1e-5)


def test_quality_focal_of_sure_and_wrong_is_finite_and_has_a_gradient() -> None:
    loss, slope = focal_with_slope(torch.tensor([-200.0, 200.0]), torch.tensor([1.0, 0.0]))
    assert loss.tolist() == pytest.approx([200, 200])
    assert slope.tolist() == pytest.approx([-1, 1])


def test_quality_focal_of_the_label_itself_is_nothing() -> None:
    loss, slope = focal_with_slope(torch.tensor([0.0]), torch.tensor([0.5]))
    assert loss.item() == 0
    assert slope.item() == 0


def test_distribution_focal_weighs_the_bins_on_both_sides() -> None:
    bins, generator = 8, torch.Generator().manual_seed(0)
    for distance in (0.0, 0.25, 3.0, 6.5, 6.9, 7.0, 55.0, -3.0):
        logits = torch.randn(bins, generator=generator)
        near = min(max(distance, 0.0), bins - 1 - 0.1)
        lower, total = floor(near), sum(map(exp, logits.tolist()))
        below, above = (-log(exp(logits[n].item()) / total) for n in (lower, lower + 1))
        expected = below * (lower + 1 - near) + above * (near - lower)
        loss = distribution_focal_loss(logits, torch.tensor(distance))
        assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_giou_loss_runs_from_nothing_to_two() -> None:
    box = torch.tensor([0.0, 0.0, 2.0, 2.0])
    assert giou_loss(box, box).item() == 0
    assert giou_loss(box, box + 1e6).item() == pytest.approx(2)
    half = torch.tensor([0.0, 0.0, 2.0, 1.0])
    assert giou_loss(box, half).item() == 0.5  # IoU 2 / 4, hull no larger than the union


@pytest.mark.parametrize("loss", [distribution_focal_loss, giou_loss])
def test_half_precision_is_computed_in_full(loss) -> None:
    halves = torch.rand(6, 4).half(), torch.rand(6, 4).half()
    if loss is distribution_focal_loss:
        halves = torch.randn(6, 4, 8).half(), halves[1]
    found = loss(*halves)
    assert found.dtype == torch.float32
    assert found.equal(loss(*(half.float() for half in halves)))
