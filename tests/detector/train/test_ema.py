"""The moving average against plain arithmetic."""

from __future__ import annotations

from math import exp

import pytest
import torch
from torch import nn

from maenas.detector.train.ema import Ema, EmaOptions


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def change(module: nn.Module) -> None:
    with torch.no_grad():
        for value in module.state_dict().values():
            value += torch.ones_like(value)


def test_it_is_that_of_plain_arithmetic() -> None:
    module, options = network(), EmaOptions(decay=0.9, ramp=3.0)
    ema = Ema(module, options)
    expected = {name: value.double().clone() for name, value in module.state_dict().items()}
    for step in range(5):
        change(module)
        ema.update(module, step)
        kept = 0.9 * (1 - exp(-step / 3))
        for name, value in module.state_dict().items():
            expected[name] = kept * expected[name] + (1 - kept) * value.double()
    for name, value in ema.weights.items():
        if value.is_floating_point():
            torch.testing.assert_close(value.double(), expected[name], rtol=1e-6, atol=1e-6)


def test_running_statistics_follow_and_counts_are_copied() -> None:
    module = network()
    ema = Ema(module, EmaOptions())
    change(module)
    ema.update(module, 100)
    assert ema.weights["1.num_batches_tracked"] == module[1].num_batches_tracked  # type: ignore
    assert 0 < ema.weights["1.running_mean"][0] < module[1].running_mean[0]  # type: ignore


def test_the_first_step_copies() -> None:
    module = network()
    ema = Ema(module, EmaOptions())
    change(module)
    ema.update(module, 0)
    assert all(torch.equal(ema.weights[k], v) for k, v in module.state_dict().items())


def test_statistics_that_are_not_finite_are_taken_from_it() -> None:
    module = network()
    ema = Ema(module, EmaOptions())
    mean = module[1].running_mean  # type: ignore[index]
    mean[2] = float("nan")
    ema.mend(module)
    assert mean.tolist() == pytest.approx([0, 0, 0, 0])
