"""NASWOT: the number of units that agree for two images, and what follows from it."""

from __future__ import annotations

from math import log

import pytest
import torch

from maenas.blocks import Backbone, ConvStem, ResK1KX, SpecError
from maenas.nas.scores.naswot import Naswot
from maenas.nas.scores.naswot_forward import kernel_of


def network(depth: int = 2) -> Backbone:
    stages = (
        ConvStem(out_channels=8, stride=2),
        ResK1KX(out_channels=16, bottleneck_channels=8, stride=2, depth=depth),
    )
    return Backbone(stages, (1,), (3, 32, 32))


def test_the_kernel_counts_the_units_in_the_same_state() -> None:
    signs = [torch.tensor([[True, False], [True, True]]), torch.tensor([[False], [False]])]
    # three units: both images agree in the first and the third of them
    assert kernel_of(signs).tolist() == [[3.0, 2.0], [2.0, 3.0]]


def test_a_batch_of_one_image_scores_the_logarithm_of_the_units() -> None:
    units = (
        8 * 16 * 16
        + sum(  # the stem, then a 1x1 and a kxk convolution of each unit
            op.out_shape[0] * op.out_shape[1] * op.out_shape[2]
            for op in list(network(1).ops())[1:]
            if op.kind == "conv" and op.path == "main"
        )
    )
    assert Naswot(batch=1)(network(1), 0) == pytest.approx(log(units))


def test_one_seed_gives_one_score_and_leaves_the_random_state_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = Naswot(batch=4)(network(), 0)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    assert Naswot(batch=4)(network(), 0) == first
    assert Naswot(batch=4)(network(), 1) != first


def test_a_deeper_network_tells_images_apart_better() -> None:
    shallow, deep = (
        sum(Naswot(batch=8)(network(depth), seed) for seed in range(3)) for depth in (1, 6)
    )
    assert deep > shallow


def test_a_network_without_activations_is_refused() -> None:
    linear = Backbone((ConvStem(out_channels=8, stride=2, act="none"),), (0,), (3, 32, 32))
    with pytest.raises(SpecError, match="has no activations"):
        Naswot(batch=2)(linear, 0)


def test_the_batch_must_have_an_image() -> None:
    with pytest.raises(SpecError, match="batch"):
        Naswot(batch=0)
