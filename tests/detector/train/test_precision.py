"""What a training computes in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from maenas.detector.errors import TrainError
from maenas.detector.train import StepResult, train
from maenas.detector.train.precision import precision_of
from maenas.detector.train.recipe import ComputeOptions
from tests.trainings import RECIPE, small_training, write_data

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("amp", "expected"), [("auto", None), ("off", None), ("bf16", torch.bfloat16)]
)
def test_a_cpu_computes_in_32_bits_unless_told(amp: str, expected: torch.dtype | None) -> None:
    assert precision_of(amp, CPU) is expected


def test_fp16_on_a_cpu_is_an_error() -> None:
    with pytest.raises(TrainError, match="fp16 is for GPUs; a CPU takes bf16"):
        precision_of("fp16", CPU)


def test_losses_in_bf16_are_near_those_in_32_bits(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    found = []
    for amp in ("off", "bf16"):
        recipe = replace(RECIPE, epochs=1, compute=ComputeOptions(amp=amp))  # type: ignore
        events = train(small_training(tmp_path / amp, data, recipe))
        found.append(next(event.parts for event in events if isinstance(event, StepResult)))
    assert found[0] != found[1]
    assert found[0] == pytest.approx(found[1], rel=0.03)
