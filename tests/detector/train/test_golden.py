"""Optimizer, moving average and learning rates are those of DAMO-YOLO."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from maenas.detector.checkpoints.official import official_names
from maenas.detector.train.ema import Ema, EmaOptions
from maenas.detector.train.optimizer import parameter_groups, set_lr
from maenas.detector.train.recipe import published_recipe
from maenas.detector.train.schedule import Schedule, ScheduleOptions
from tests.golden import hashed, official_keys, official_weights, renamed, spec_of

GOLDEN = json.loads((Path(__file__).parents[2] / "data" / "train_golden.json").read_text())


@pytest.mark.parametrize("model", ["S", "Ns"])
def test_three_steps_move_weights_and_average_as_the_golden_ones(model: str) -> None:
    golden, spec = GOLDEN[model], spec_of(model)
    network = spec.build()
    network.load_state_dict(renamed(official_weights(model), spec))
    decayed, others = parameter_groups(network)
    assert [len(decayed), len(others)] == [golden["groups"][k] for k in ("decay", "no_decay")]
    recipe, ours = published_recipe(model.lower()), dict(official_names(spec))
    optimizer, ema = recipe.optimizer.build(network), Ema(network, recipe.ema)
    parameters = dict(network.named_parameters())
    learnt = [
        (index, parameters[ours[key]])
        for index, (key, _) in enumerate(official_keys(model))
        if ours.get(key) in parameters
    ]
    assert len(learnt) == len(parameters)
    for step in golden["steps"]:
        number = step["it"]
        assert short_schedule(golden, recipe.optimizer.lr).at(number) == pytest.approx(step["lr"])
        assert recipe.ema.momentum(number) == pytest.approx(step["ema_m"], abs=1e-12)
        set_lr(optimizer, step["lr"])
        for index, parameter in learnt:
            gradient = 0.01 * hashed(11000 + index + number, parameter.numel())
            parameter.grad = torch.from_numpy(gradient.astype(np.float32)).reshape(parameter.shape)
        optimizer.step()
        ema.update(network, number)
        for name, expected in step["params"].items():
            assert_first(parameters[ours[name]].detach(), expected)
        for name, expected in step["ema"].items():
            assert_first(ema.weights[ours[name]], expected)


@pytest.mark.parametrize("scale", ["t", "s", "m", "l"])
def test_rates_over_a_training_on_coco_are_the_golden_ones(scale: str) -> None:
    golden, recipe = GOLDEN["schedule"], published_recipe(scale)
    lr = recipe.optimizer.lr_of(golden["batch"])
    assert lr == pytest.approx(golden["base_lr_per_img"] * golden["batch"])
    schedule = recipe.schedule.over(recipe.epochs, golden["iters_per_epoch"], lr)
    assert schedule.total == golden["total"]
    for step, expected in golden["lr"].items():
        assert schedule.at(int(step)) == pytest.approx(expected, rel=1e-5, abs=1e-12)


def test_the_average_ramps_up_as_the_golden_one() -> None:
    for step, expected in GOLDEN["schedule"]["ema_momentum"].items():
        assert EmaOptions().momentum(int(step)) == pytest.approx(expected, rel=1e-9)


def short_schedule(golden: dict[str, Any], lr: float) -> Schedule:
    """The 1,000 steps of which the golden ones are three."""
    numbers = golden["schedule"]
    floor = numbers["min_lr_ratio"] * lr
    assert numbers["min_lr_ratio"] == ScheduleOptions().floor
    return Schedule(lr, floor, numbers["warmup"], numbers["no_aug"], numbers["total"])


def assert_first(value: torch.Tensor, expected: list[float]) -> None:
    found = value.flatten()[: len(expected)].tolist()
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-7)
