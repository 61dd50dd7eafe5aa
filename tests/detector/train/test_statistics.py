"""BatchNorm's statistics in the first steps."""

from __future__ import annotations

import torch
from torch import nn

from maenas.blocks.layers.conv_bn_act import BN_EPS, BN_MOMENTUM
from maenas.detector.train.statistics import Statistics


def norm() -> nn.BatchNorm2d:
    return nn.BatchNorm2d(2, eps=BN_EPS, momentum=BN_MOMENTUM)


def feed(module: nn.BatchNorm2d, statistics: Statistics, batches: list[torch.Tensor]) -> None:
    for batch in batches:
        statistics.before_forward()
        module(batch)


def batches(count: int) -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [100 + 50 * torch.randn(4, 2, 8, 8) for _ in range(count)]


def test_at_first_they_are_the_mean_of_the_batches_so_far() -> None:
    module, given = norm(), batches(20)
    feed(module, Statistics(module), given)
    mean = torch.stack([batch.mean(dim=(0, 2, 3)) for batch in given]).mean(0)
    torch.testing.assert_close(module.running_mean, mean)


def test_later_they_move_as_published() -> None:
    module = norm()
    feed(module, Statistics(module), batches(40))
    assert module.momentum == BN_MOMENTUM


def test_those_of_a_trained_network_are_not_thrown_away() -> None:
    module = norm()
    module.num_batches_tracked.fill_(1000)  # type: ignore[union-attr]
    module.running_mean.fill_(7.0)  # type: ignore[union-attr]
    given = batches(1)
    feed(module, Statistics(module), given)
    expected = 0.97 * 7 + 0.03 * given[0].mean(dim=(0, 2, 3))
    torch.testing.assert_close(module.running_mean, expected)


def test_continued_they_go_on_where_they_were() -> None:
    whole, parts, given = norm(), norm(), batches(10)
    feed(whole, Statistics(whole), given)
    feed(parts, Statistics(parts), given[:4])
    again = norm()
    again.load_state_dict(parts.state_dict())
    feed(again, Statistics(again), given[4:])
    assert torch.equal(whole.running_mean, again.running_mean)  # type: ignore[arg-type]
