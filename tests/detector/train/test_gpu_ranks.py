"""Two processes with a pretended GPU each: they train as one does with all the images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from maenas.detector.data import TrainLoader
from maenas.detector.distill import DistillOptions
from maenas.detector.losses import LossWeights
from maenas.detector.train import Ranks, StepResult, Training, train
from maenas.detector.train.recipe import ComputeOptions, Recipe
from tests.fake_gpu import GPU, pretended_gpu
from tests.fake_ranks import fake_ranks
from tests.processes import run_ranks
from tests.trainings import PLAIN, RECIPE, small_training, wider_teacher, write_data

ONE_STEP = replace(RECIPE, epochs=1, augmentation=PLAIN)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"), images=4)


def recipe_of(amp: str, is_taught: bool = False) -> Recipe:
    compute = ComputeOptions(amp=amp)  # type: ignore[arg-type]
    distill = DistillOptions(amp=amp) if is_taught else None  # type: ignore[arg-type]
    # An untrained detector's box losses are divided by 1 in each process, as in the reference,
    # not by the sum of its confidences, which is smaller; so they do not count here.
    loss = LossWeights(giou=1e-9, distribution_focal=1e-9)
    return replace(ONE_STEP, compute=compute, distill=distill, loss=loss)


def outcome(training: Training) -> dict[str, Any]:
    steps = [event for event in train(training) if isinstance(event, StepResult)]
    state = training.network.state_dict()
    return {
        "parts": [step.parts for step in steps],
        "norm": [step.norm for step in steps],
        "state": {name: value.cpu().tolist() for name, value in state.items()},
        "synchronised": sum(type(m) is torch.nn.SyncBatchNorm for m in training.network.modules()),
    }


def learn(rank: int, data: Path, out: Path, amp: str, is_taught: bool) -> dict[str, Any]:
    """One of two processes, with two of the four images."""
    with fake_ranks(rank, 2) as ranks:
        recipe = recipe_of(amp, is_taught)
        teacher = wider_teacher() if is_taught else None
        return outcome(small_training(out / "run", data, recipe, ranks=ranks, teacher=teacher))


def test_two_processes_train_as_one_with_all_the_images(data: Path, tmp_path: Path) -> None:
    first, second = run_ranks(2, learn, data, tmp_path, "off", False)
    assert first == second  # running statistics too, without sending them
    assert first["synchronised"] > 0
    with pretended_gpu():
        training = small_training(tmp_path / "one", data, recipe_of("off"), ranks=Ranks(GPU))
        options = replace(training.loader.options, batch=4)
        loader = TrainLoader(training.loader.dataset, options)
        alone = outcome(replace(training, loader=loader, batch=4))
    assert len(alone["norm"]) == 1
    assert first["norm"] == pytest.approx(alone["norm"], rel=1e-3)
    losses = [each["parts"][0]["quality_focal"] for each in (first, alone)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for name, value in alone["state"].items():
        expected, found = torch.tensor(value), torch.tensor(first["state"][name])
        if "running" in name:
            torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_in_half_precision_and_with_a_teacher_they_stay_equal(
    amp: str, data: Path, tmp_path: Path
) -> None:
    first, second = run_ranks(2, learn, data, tmp_path, amp, True)
    assert str(first) == str(second)  # the norm of an overflow is no number
