"""`compute.compile`: the network is compiled once, when its settings no longer change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from maenas.detector.train import StepResult, Training, train
from maenas.detector.train.recipe import ComputeOptions
from tests.trainings import PLAIN, RECIPE, small_training, write_data

COMPILED = replace(
    RECIPE, epochs=1, augmentation=PLAIN, compute=ComputeOptions(amp="off", compile=True)
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"), images=6)  # three steps an epoch


def begun(folder: Path, data: Path, batches: int) -> Training:
    """A training whose network has seen some batches."""
    training = small_training(folder, data, COMPILED)
    for name, value in training.network.named_buffers():
        if name.endswith("num_batches_tracked"):
            value.fill_(batches)
    return training


@pytest.mark.parametrize(("batches", "first"), [(30, None), (31, 2), (32, 1), (33, 0)])
def test_the_network_is_compiled_once_after_33_batches(
    batches: int,
    first: int | None,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[int] = []
    compiled: list[int] = []

    def compile(function: Any, **_: Any) -> Any:
        compiled.append(len(done))
        return function

    monkeypatch.setattr(torch, "compile", compile)
    for event in train(begun(tmp_path, data, batches)):
        if isinstance(event, StepResult):
            done.append(event.number)
    assert done == [0, 1, 2]
    assert compiled == ([] if first is None else [first])


@pytest.mark.slow  # half a minute of compilation
def test_the_steps_that_follow_compile_nothing_again(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch._dynamo.testing import CompileCounterWithBackend

    counter, compile = CompileCounterWithBackend("eager"), torch.compile
    monkeypatch.setattr(torch, "compile", lambda function: compile(function, backend=counter))
    counts = [
        counter.frame_count
        for event in train(begun(tmp_path, data, 100))
        if isinstance(event, StepResult)
    ]
    assert counts[0] > 0
    assert counts[-1] == counts[0]
