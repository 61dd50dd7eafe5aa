"""Trainings on a pretended GPU: every precision, overflows of fp16, and other GPUs on resuming."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from maenas.detector.assign import ATSS, TOOD, SimOTA
from maenas.detector.distill import DistillOptions
from maenas.detector.distill.options import Method
from maenas.detector.errors import TrainError
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.train import EpochResult, Ranks, StepResult, Training, load_state, loop, train
from maenas.detector.train.optimizer import OptimizerOptions
from maenas.detector.train.recipe import ComputeOptions, Recipe
from tests.fake_gpu import GPU, pretended_gpu
from tests.trainings import PLAIN, RECIPE, small_training, wider_teacher, write_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"), images=6)  # three steps an epoch


class Overflows(DetectorNetwork):
    """Has an infinite gradient, but a finite loss, in chosen forward passes."""

    bad: frozenset[int] = frozenset()
    passes: int = 0

    def forward(self, images: torch.Tensor):
        levels = super().forward(images)
        if self.training:
            if self.passes in self.bad:
                levels[0].scores.register_hook(lambda grad: grad * float("inf"))
            self.passes += 1
        return levels


def with_overflows(training: Training, bad: set[int]) -> Training:
    torch.manual_seed(0)
    network = Overflows(training.folder.spec)
    network.bad = frozenset(bad)
    return replace(training, network=network)


def recipe_of(amp: str, epochs: int, optimizer: str = "sgd") -> Recipe:
    options = OptimizerOptions(name=optimizer, lr=0.002, lr_batch=2)  # type: ignore[arg-type]
    compute = ComputeOptions(amp=amp)  # type: ignore[arg-type]
    return replace(RECIPE, epochs=epochs, optimizer=options, compute=compute, augmentation=PLAIN)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_an_overflow_of_the_first_scaled_step_leaves_the_weights_sound(
    optimizer: str, data: Path, tmp_path: Path
) -> None:
    """A fused SGD that skips its first step keeps momentum that nothing has initialised."""
    with pretended_gpu(has_bf16=False):
        training = small_training(tmp_path, data, recipe_of("auto", 1, optimizer), ranks=Ranks(GPU))
        steps = [
            event for event in train(with_overflows(training, {0})) if isinstance(event, StepResult)
        ]
    assert [step.taken for step in steps] == [False, True, True]
    saved = load_state(tmp_path / "resume.pt")
    assert saved.scaler["scale"] == 2.0**15
    assert all(value.isfinite().all() for value in saved.network.values())
    momentum = "momentum_buffer" if optimizer == "sgd" else "exp_avg"
    kept = [each[momentum] for each in saved.optimizer["state"].values()]
    assert all(value.isfinite().all() for value in kept)
    assert saved.progress.skipped == 1


def test_overflows_in_every_step_end_the_run_and_say_what_helps(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "MOST_IN_A_ROW", 3)
    with pretended_gpu(has_bf16=False):
        training = small_training(tmp_path, data, recipe_of("fp16", 2), ranks=Ranks(GPU))
        events: list[object] = []
        with pytest.raises(TrainError, match=r"3 steps in a row.*compute\.amp=bf16 or off"):
            events.extend(train(with_overflows(training, {1, 2, 3, 4})))
    taken = [event.taken for event in events if isinstance(event, StepResult)]
    assert taken == [True, False, False]
    saved = load_state(tmp_path / "resume.pt")  # sound weights are kept
    assert (saved.progress.epoch, saved.progress.in_a_row) == (1, 2)


@pytest.mark.slow
def test_a_training_goes_on_in_another_precision(data: Path, tmp_path: Path) -> None:
    """The GPU that resumes it may have no bf16: the scaler of fp16 then starts anew."""
    recipe = recipe_of("auto", 3)
    for epoch, has_bf16 in enumerate([True, False, True], 1):
        saved = load_state(tmp_path / "resume.pt") if epoch > 1 else None
        with pretended_gpu(has_bf16):
            training = small_training(tmp_path, data, recipe, ranks=Ranks(GPU))
            stopping = StopsAfter(epoch)
            for event in train(replace(training, stopping=stopping), saved):
                stopping.see(event)
        saved = load_state(tmp_path / "resume.pt")
        assert saved.progress.epoch == epoch
        assert saved.progress.skipped == 0
        assert saved.scaler.get("scale", 0.0) == (0.0 if has_bf16 else 2.0**16)


@pytest.mark.parametrize("amp", ["off", "bf16", "fp16"])
@pytest.mark.parametrize("method", [None, "cwd", "mgd", "mimic"])
def test_a_step_on_a_gpu_mixes_no_devices_and_computes_what_a_cpu_does(
    method: Method | None, amp: str, data: Path, tmp_path: Path
) -> None:
    distill = None if method is None else DistillOptions(method=method, amp="off")
    recipe = replace(recipe_of("off", 1), distill=distill)
    expected = first_step(small_training(tmp_path / "cpu", data, recipe, teacher=wider_teacher()))
    with pretended_gpu():
        recipe = replace(recipe, compute=ComputeOptions(amp=amp))  # type: ignore[arg-type]
        teacher, ranks = wider_teacher(), Ranks(GPU)
        training = small_training(tmp_path / "gpu", data, recipe, ranks=ranks, teacher=teacher)
        step = first_step(training)
    # Exact in 32 bits: the numbers are the CPU's.
    tolerance = {"off": 0.0, "bf16": 0.03, "fp16": 0.01}[amp]
    assert step.parts == pytest.approx(expected.parts, rel=tolerance)
    if amp == "off":  # a scaled gradient may overflow in the first step
        assert step.norm == expected.norm


@pytest.fixture(autouse=True)
def cudnn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training on a GPU changes a setting of the whole process."""
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"compute": ComputeOptions(amp="off", channels_last=False)},
        {"sides": (32, 64)},
        {"optimizer": OptimizerOptions(clip_norm=0.1)},
        {"assigner": ATSS()},
        {"assigner": TOOD()},
        {"assigner": SimOTA()},
    ],
    ids=["contiguous", "sides", "clipped", "atss", "tood", "simota"],
)
def test_what_a_recipe_can_change_mixes_no_devices(
    change: dict[str, object], data: Path, tmp_path: Path
) -> None:
    recipe = replace(recipe_of("off", 1), **change)  # type: ignore[arg-type]
    expected = first_step(small_training(tmp_path / "cpu", data, recipe, accumulation_steps=2))
    with pretended_gpu():
        training = small_training(
            tmp_path / "gpu", data, recipe, accumulation_steps=2, ranks=Ranks(GPU)
        )
        assert first_step(training).parts == expected.parts


@pytest.mark.parametrize(("sides", "is_searched"), [((), True), ((32, 64), False)])
def test_cudnn_searches_for_fast_convolutions_where_inputs_have_one_size(
    sides: tuple[int, ...],
    is_searched: bool,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = replace(recipe_of("off", 1), sides=sides)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", not is_searched)
    with pretended_gpu():
        first_step(small_training(tmp_path, data, recipe, ranks=Ranks(GPU)))
        assert torch.backends.cudnn.benchmark is is_searched


def first_step(training: Training) -> StepResult:
    return next(event for event in train(training) if isinstance(event, StepResult))


class StopsAfter:
    """Asks a training to stop once an epoch has ended."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.is_over = False

    def see(self, event: object) -> None:
        self.is_over = isinstance(event, EpochResult) and event.number == self.epoch

    def __call__(self) -> bool:
        return self.is_over
