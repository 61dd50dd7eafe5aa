"""What is decayed, and how rates follow the batch."""

from __future__ import annotations

from math import inf, nan

import pytest
import torch

from maenas.blocks import SpecError
from maenas.detector.train.optimizer import OptimizerOptions, parameter_groups, set_lr
from tests.small_detector import small_spec


def test_norms_and_biases_are_not_decayed_convolutions_and_scales_are() -> None:
    network = small_spec().build()
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    decayed, others = ([names[id(p)] for p in group] for group in parameter_groups(network))
    assert sorted(decayed + others) == sorted(names.values())
    assert {name for name in names.values() if name.startswith("head.scales")} <= set(decayed)
    unscaled = [name for name in decayed if "scales" not in name]
    assert [name for name in unscaled if not name.endswith("weight")] == []
    assert all(network.get_parameter(name).ndim == 1 for name in others)
    assert all(network.get_parameter(name).ndim in (0, 4) for name in decayed)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_only_the_first_group_shrinks_without_gradients(name: str) -> None:
    network = small_spec().build()
    before = {key: value.clone() for key, value in network.named_parameters()}
    options = OptimizerOptions(name=name, weight_decay=0.1)  # type: ignore[arg-type]
    optimizer = options.build(network)
    set_lr(optimizer, 0.5)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    decayed = {id(parameter) for parameter in parameter_groups(network)[0]}
    # SGD with Nesterov's momentum 0.9: lr * (1 + 0.9) * decay; AdamW: lr * decay
    shrunk = 1 - 0.5 * 0.1 * (1.9 if name == "sgd" else 1.0)
    for key, parameter in network.named_parameters():
        factor = shrunk if id(parameter) in decayed else 1.0
        torch.testing.assert_close(parameter.detach(), before[key] * factor)


def test_rates_follow_the_batch_in_proportion_or_by_its_root() -> None:
    linear = OptimizerOptions(lr=0.04, lr_batch=256, lr_scaling="linear")
    root = OptimizerOptions(lr=0.04, lr_batch=256, lr_scaling="sqrt")
    assert [linear.lr_of(batch) for batch in (256, 64, 4)] == pytest.approx([0.04, 0.01, 0.000625])
    assert [root.lr_of(batch) for batch in (256, 64, 4)] == pytest.approx([0.04, 0.02, 0.005])


def test_a_small_batch_does_not_reduce_the_rate_below_the_least() -> None:
    options = OptimizerOptions(lr=0.004, lr_scaling="sqrt", least_lr=0.002)
    found = [options.lr_of(batch) for batch in (256, 100, 64, 8)]
    assert found == pytest.approx([0.004, 0.0025, 0.002, 0.002])
    low = OptimizerOptions(lr=0.001, lr_scaling="sqrt", least_lr=0.002)
    assert [low.lr_of(batch) for batch in (256, 8)] == pytest.approx([0.001, 0.001])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            (name, value)
            for name in ("lr", "least_lr", "weight_decay", "clip_norm")
            for value in (-1.0, nan)
        ),
        *(("lr", inf), ("least_lr", inf), ("weight_decay", inf)),
    ],
)
def test_a_rate_that_is_no_number_is_refused(name: str, value: float) -> None:
    with pytest.raises(SpecError, match=f"{name} must be"):
        OptimizerOptions(**{name: value})  # type: ignore[arg-type]
