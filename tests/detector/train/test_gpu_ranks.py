"""Two processes with a pretended GPU each: they train as one does with all the images."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from maenas.detector.data import TrainLoader
from maenas.detector.distill import DistillOptions
from maenas.detector.losses import LossWeights
from maenas.detector.train import Ranks, StepResult, Training, joined_ranks, train
from maenas.detector.train.ranks import BUFFERS, PATIENCE
from maenas.detector.train.recipe import ComputeOptions, Recipe
from tests.fake_gpu import GPU, pretended_gpu
from tests.fake_ranks import ddp_on_gpu, fake_ranks
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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("amp", "is_taught"),
    [("off", True), ("bf16", True), ("fp16", True), ("bf16", False), ("fp16", False)],
)
def test_with_or_without_a_teacher_they_stay_equal_in_every_precision(
    amp: str, is_taught: bool, data: Path, tmp_path: Path
) -> None:
    first, second = run_ranks(2, learn, data, tmp_path, amp, is_taught)
    assert str(first) == str(second)  # the norm of an overflow is no number


def join(rank: int, data: Path, out: Path) -> dict[str, Any]:
    """One of two processes on machines with one GPU each; it tells what torch was given."""
    os.environ["LOCAL_RANK"] = "0"
    given: dict[str, Any] = {}
    initialise, wrap = distributed.init_process_group, DistributedDataParallel.__init__

    def joined(backend: str, **options: Any) -> None:
        given["group"] = {"backend": backend, **options}
        initialise("gloo")

    def wrapped(self: Any, module: torch.nn.Module, **options: Any) -> None:
        given["ddp"] = options
        wrap(self, module, **options)

    with pytest.MonkeyPatch.context() as patch, pretended_gpu():
        patch.setattr(distributed, "init_process_group", joined)
        patch.setattr(DistributedDataParallel, "__init__", wrapped)
        patch.setattr(torch.cuda, "set_device", lambda device: given.update(device=device))
        with ddp_on_gpu(), joined_ranks("auto") as ranks:
            training = small_training(out / "run", data, recipe_of("off"), ranks=ranks)
            return {"ranks": ranks, **outcome(training), **given}


@pytest.mark.slow
def test_processes_on_gpus_join_by_nccl_and_share_gradients_in_place(
    data: Path, tmp_path: Path
) -> None:
    first, second = run_ranks(2, join, data, tmp_path)
    for rank, told in enumerate((first, second)):
        assert told["group"] == {
            "backend": "cpu:gloo,cuda:nccl",  # settings and predictions lie on the CPU
            "timeout": PATIENCE,
            "device_id": GPU,
        }
        assert told["device"] == GPU
        assert told["ddp"] == {"device_ids": [0], "gradient_as_bucket_view": True, BUFFERS: False}
        assert told["ranks"] == Ranks(GPU, rank, 2, 2)
    assert first["state"] == second["state"]
