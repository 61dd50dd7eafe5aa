"""The loop: exact continuation, gathered gradients, bad losses, what is kept when."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from maenas.blocks.errors import SpecError
from maenas.detector.checkpoints.checkpoint import load_folder
from maenas.detector.errors import TrainError
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.train import EpochResult, StepResult, load_state, train
from maenas.detector.train.loop import MOST_IN_A_ROW, PARTS
from maenas.detector.train.optimizer import OptimizerOptions
from tests.trainings import IMAGES, PLAIN, RECIPE, Told, small_training, write_data

STEPS = 3  # an epoch: five images, two at a time


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


def weights_of(folder: Path) -> dict[str, Tensor]:
    weights = load_folder(folder)[1]
    assert weights is not None
    return weights


def assert_same(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_killed_at_any_step_and_continued_the_weights_are_those_of_an_unbroken_run(
    optimizer: str, data: Path, tmp_path: Path
) -> None:
    options = OptimizerOptions(name=optimizer, lr=0.002, lr_batch=2)  # type: ignore[arg-type]
    recipe = replace(RECIPE, optimizer=options)
    for _ in train(small_training(tmp_path / "whole", data, recipe)):
        pass
    whole = load_state(tmp_path / "whole" / "resume.pt")
    for kill in random.Random(optimizer).sample(range(STEPS * RECIPE.epochs), 2):
        folder = tmp_path / f"killed{kill}"
        events = train(small_training(folder, data, recipe))
        for event in events:
            if isinstance(event, StepResult) and event.number == kill:
                break
        events.close()  # type: ignore[attr-defined]
        saved = load_state(folder / "resume.pt")
        assert saved.progress.epoch == kill // STEPS
        torch.rand(7)  # whatever else the process drew
        again = small_training(folder, data, recipe)
        for _ in train(again, saved):
            pass
        ended = load_state(folder / "resume.pt")
        assert_same(ended.network, whole.network)
        assert_same(ended.ema, whole.ema)
        assert_same(weights_of(folder / "last"), weights_of(tmp_path / "whole" / "last"))
        times = ("train_s",)
        for ours, theirs in zip(ended.progress.rows, whole.progress.rows, strict=True):
            assert [ours[k] for k in ours if k not in times] == [
                theirs[k] for k in theirs if k not in times
            ]


def test_every_step_and_epoch_is_told_and_the_loss_goes_down(data: Path, tmp_path: Path) -> None:
    options = replace(RECIPE.optimizer, lr=0.005)
    recipe = replace(RECIPE, epochs=16, augmentation=PLAIN, optimizer=options)
    events = list(train(small_training(tmp_path, data, recipe)))
    steps = [event for event in events if isinstance(event, StepResult)]
    epochs = [event for event in events if isinstance(event, EpochResult)]
    assert [step.number for step in steps] == list(range(16 * STEPS))
    assert [epoch.number for epoch in epochs] == list(range(1, 17))
    assert sum(step.images for step in steps[:STEPS]) == IMAGES
    assert all(set(step.parts) == set(PARTS) and step.taken for step in steps)
    assert epochs[-1].row["quality_focal"] < 0.5 * epochs[0].row["quality_focal"]
    assert steps[0].lr == 0.0
    assert steps[-1].lr == pytest.approx(0.05 * 0.005)


def test_gradients_of_gathered_batches_are_a_step_and_an_epoch_may_end_with_fewer(
    data: Path, tmp_path: Path
) -> None:
    steps = [
        event
        for event in train(small_training(tmp_path, data, accumulation_steps=2))
        if isinstance(event, StepResult)
    ]
    assert [step.images for step in steps] == [4, 1] * RECIPE.epochs


def test_the_best_is_kept_apart_from_the_last(data: Path, tmp_path: Path) -> None:
    told = iter([0.2, 0.5, 0.4])
    seen: list[dict[str, Tensor]] = []

    def evaluate(network: DetectorNetwork) -> Told:
        assert not network.training
        seen.append({name: value.clone() for name, value in network.state_dict().items()})
        return Told(next(told))

    events = list(train(small_training(tmp_path, data, evaluate=evaluate)))
    epochs = [event for event in events if isinstance(event, EpochResult)]
    assert [epoch.is_best for epoch in epochs] == [True, True, False]
    assert [epoch.row["ap"] for epoch in epochs] == [0.2, 0.5, 0.4]
    assert_same(weights_of(tmp_path / "best"), seen[1])
    assert_same(weights_of(tmp_path / "last"), seen[2])
    assert "AP 0.5000" in (tmp_path / "best" / "detector.yaml").read_text()


class SometimesNaN(DetectorNetwork):
    """Answers with NaN in chosen forward passes."""

    bad: frozenset[int] = frozenset()
    passes: int = 0

    def forward(self, images: Tensor):
        levels = super().forward(images * (float("nan") if self.passes in self.bad else 1.0))
        if self.training:
            self.passes += 1
        return levels


def with_bad_passes(training, bad: set[int]):
    torch.manual_seed(0)
    network = SometimesNaN(training.folder.spec)
    network.bad = frozenset(bad)
    return replace(training, network=network)


def test_a_step_whose_loss_is_not_finite_is_passed_over_and_counted(
    data: Path, tmp_path: Path
) -> None:
    training = with_bad_passes(small_training(tmp_path, data), {1, 4})
    events = list(train(training))
    taken = [event.taken for event in events if isinstance(event, StepResult)]
    assert [number for number, was in enumerate(taken) if not was] == [1, 4]
    saved = load_state(tmp_path / "resume.pt")
    assert saved.progress.skipped == 2
    assert [row["skipped"] for row in saved.progress.rows] == [1, 2, 2]
    for weights in (saved.network, saved.ema):  # running statistics too
        assert all(value.isfinite().all() for value in weights.values())
    assert all(row["loss"] > 0 for row in saved.progress.rows)


def test_a_loss_that_stays_not_finite_ends_the_run_with_the_images_and_the_last_detector(
    data: Path, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, epochs=6)
    training = with_bad_passes(small_training(tmp_path, data, recipe), set(range(3, 99)))
    events: list[object] = []
    with pytest.raises(TrainError, match=r"10 steps in a row.*images \d.*epoch 1 is in .*last"):
        events.extend(train(training))
    assert sum(isinstance(event, StepResult) for event in events) == 3 + MOST_IN_A_ROW - 1
    assert all(value.isfinite().all() for value in weights_of(tmp_path / "last").values())
    assert load_state(tmp_path / "resume.pt").progress.epoch == 1


def test_an_epoch_that_ends_without_a_finite_loss_is_not_kept(data: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=2)
    training = with_bad_passes(small_training(tmp_path, data, recipe), {4, 5})
    with pytest.raises(TrainError, match=r"in 2 steps in a row; the detector of epoch 1 is in"):
        list(train(training))
    training = with_bad_passes(small_training(tmp_path / "one", data, recipe), {5})
    list(train(training))  # one such step is no reason
    assert load_state(tmp_path / "one" / "resume.pt").progress.epoch == 2


def test_gradients_longer_than_asked_for_are_shortened(data: Path, tmp_path: Path) -> None:
    options = OptimizerOptions(lr=1.0, lr_batch=2, clip_norm=1e-6, weight_decay=0.0)
    recipe = replace(RECIPE, optimizer=options)
    training = small_training(tmp_path, data, recipe)
    before = {name: value.clone() for name, value in training.network.named_parameters()}
    for _ in train(training):
        pass
    for name, value in training.network.named_parameters():
        assert (value - before[name]).abs().max() < 1e-4


def test_a_full_disk_leaves_the_checkpoint_before(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    room = [6]  # writes until the disk is full: three files an epoch

    def fsync(handle: int) -> None:
        room[0] -= 1
        if room[0] < 0:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(SpecError, match=r"last.*No space left on device"):
        for _ in train(small_training(tmp_path, data)):
            pass
    monkeypatch.undo()
    saved = load_state(tmp_path / "resume.pt")
    assert saved.progress.epoch == 1
    assert_same(weights_of(tmp_path / "last"), saved.ema)
    assert list(tmp_path.rglob(".*")) == []  # nor is half a file left behind
    for _ in train(small_training(tmp_path, data), saved):
        pass
    assert load_state(tmp_path / "resume.pt").progress.epoch == RECIPE.epochs
