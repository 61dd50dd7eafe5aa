"""The parts of AZ-NAS: repeatable, and beside plain code."""

from __future__ import annotations

from math import isfinite, log

import numpy as np
import pytest
import torch

from maenas.blocks import Backbone, ConvStem, ResK1KX, SpecError
from maenas.nas import load_forward, load_score
from maenas.nas.scores.az_nas import Expressivity, Progressivity, Trainability
from maenas.nas.scores.az_nas_passes import entropies, entropy_of, stretch_of, units_of
from maenas.nas.scores.load import AZ_NAS

SHAPE = (2, 3, 64, 64)


def backbone(depth: int = 2) -> Backbone:
    stages = [ResK1KX(out_channels=16, bottleneck_channels=8, stride=2, depth=depth)] * 2
    return Backbone((ConvStem(out_channels=8), *stages), (1, 2), (3, 64, 64))


@pytest.mark.parametrize("name", AZ_NAS)
def test_a_seed_decides_the_score_and_torch_keeps_its_own(name: str) -> None:
    score = load_forward(name, load_score("log-entropy"), 3)
    torch.manual_seed(5)
    expected = torch.randn(1)
    torch.manual_seed(5)
    first = score(backbone(), 0)
    assert torch.equal(torch.randn(1), expected)
    assert isfinite(first)
    assert first == score(backbone(), 0)
    assert first != score(backbone(), 1)


def test_each_residual_unit_is_a_unit_and_the_stem_is_one() -> None:
    network = backbone(depth=3).build(features_only=False)
    assert len(list(units_of(network))) == 1 + 3 + 3


def test_features_that_fill_all_directions_have_the_entropy_of_their_number() -> None:
    # Pixel i of 4 has channel i alone, and its opposite: variances along all axes are equal.
    points = torch.cat([torch.eye(4), -torch.eye(4)])
    maps = points.T.reshape(1, 4, 2, 4)
    assert entropy_of(maps) == pytest.approx(log(4))


def test_features_on_a_line_and_features_that_are_equal_have_none() -> None:
    line = torch.arange(8.0).reshape(1, 1, 2, 4) * torch.tensor([1.0, 2.0]).reshape(1, 2, 1, 1)
    assert entropy_of(line) == pytest.approx(0, abs=1e-9)
    assert entropy_of(torch.ones(1, 3, 2, 2)) == 0


def test_the_entropy_is_that_of_the_covariance_in_numpy() -> None:
    maps = torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(0))
    points = maps.numpy().transpose(1, 0, 2, 3).reshape(5, -1)
    variances = np.linalg.eigvalsh(np.cov(points, bias=True))
    shares = variances / variances.sum()
    assert entropy_of(maps) == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-5)


def test_expressivity_is_the_sum_and_progressivity_the_smallest_gain() -> None:
    each = entropies(backbone(), SHAPE, 3)
    assert Expressivity(batch=2)(backbone(), 3) == pytest.approx(sum(each))
    assert Progressivity(batch=2)(backbone(), 3) == pytest.approx(min(np.diff(each)))


def test_a_unit_that_doubles_its_input_stretches_by_two() -> None:
    torch.manual_seed(0)
    inputs = torch.randn(64, 3, 32, 32, requires_grad=True)
    assert stretch_of(inputs, 2 * inputs) == pytest.approx(2, abs=0.05)


def test_the_jacobian_of_a_strided_unit_is_that_of_its_convolution() -> None:
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(3, 4, 2, stride=2, bias=False)
    inputs = torch.randn(64, 3, 64, 64, requires_grad=True)
    expected = torch.linalg.matrix_norm(conv.weight.detach().flatten(1), ord=2)
    assert stretch_of(inputs, conv(inputs)) == pytest.approx(float(expected), rel=0.05)


def test_trainability_is_best_where_gradients_keep_their_size() -> None:
    assert Trainability(batch=2)(backbone(), 0) <= 0


@pytest.mark.parametrize("kind", [Progressivity, Trainability])
def test_a_network_of_one_unit_is_refused(kind: type[Progressivity | Trainability]) -> None:
    stem = Backbone((ConvStem(out_channels=8),), (0,), (3, 32, 32))
    with pytest.raises(SpecError, match="az-nas: compares a unit with the one before it"):
        kind(batch=1)(stem, 0)


@pytest.mark.parametrize("kind", [Expressivity, Progressivity, Trainability])
def test_a_number_that_is_not_positive_is_refused(
    kind: type[Expressivity | Progressivity | Trainability],
) -> None:
    with pytest.raises(SpecError, match="must be at least 1, got 0"):
        kind(side=0)
