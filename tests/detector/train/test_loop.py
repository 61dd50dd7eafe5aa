"""The loop: exact continuation, gathered gradients, bad losses, what is kept when."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor

from maenas.blocks.errors import SpecError
from maenas.detector.checkpoints.checkpoint import load_folder
from maenas.detector.data import Batch
from maenas.detector.data.loader_workers import LoaderError
from maenas.detector.errors import TrainError
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.train import EpochResult, Pause, StepResult, Training, load_state, train
from maenas.detector.train.loop import MOST_IN_A_ROW
from maenas.detector.train.optimizer import OptimizerOptions
from maenas.detector.train.state import Saved
from maenas.detector.train.training import PARTS
from tests.trainings import IMAGES, PLAIN, RECIPE, FixedAp, small_training, write_data

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


def learned(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights without running statistics, which are measured for a young detector."""
    return {name: value for name, value in weights.items() if ".running_" not in name}


@pytest.mark.slow
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


def stopped_after(training: Training, saved: Saved | None, last: int) -> list[object]:
    """What a training reports that is asked to stop while it does its step `last`."""
    steps: list[int] = []
    events: list[object] = []
    for event in train(replace(training, stopping=lambda: last in steps), saved):
        if isinstance(event, StepResult):
            steps.append(event.number)
        events.append(event)
    return events


@pytest.mark.slow
def test_stopped_after_every_step_it_ends_with_the_weights_of_an_unbroken_run(
    data: Path, tmp_path: Path
) -> None:
    scores = iter([FixedAp(0.2), FixedAp(0.1), FixedAp(0.3)] * 2)
    for _ in train(small_training(tmp_path / "whole", data, evaluate=lambda _: next(scores))):
        pass
    whole = load_state(tmp_path / "whole" / "resume.pt")
    folder = tmp_path / "stopped"
    saved: Saved | None = None
    for last in range(STEPS * RECIPE.epochs):
        training = small_training(folder, data, evaluate=lambda _: next(scores))
        events = stopped_after(training, saved, last)
        assert [event.number for event in events if isinstance(event, StepResult)] == [last]
        assert events[-1] == Pause(last // STEPS, last + 1)
        saved = load_state(folder / "resume.pt")
        assert (saved.progress.epoch, saved.progress.epoch_batches) == (
            last // STEPS,
            last % STEPS + 1,
        )
        torch.rand(7)  # whatever else the process drew
    for _ in train(small_training(folder, data, evaluate=lambda _: next(scores)), saved):
        pass
    ended = load_state(folder / "resume.pt")
    assert_same(ended.network, whole.network)
    assert_same(ended.ema, whole.ema)
    for ours, theirs in zip(ended.progress.rows, whole.progress.rows, strict=True):
        assert {**ours, "train_s": 0} == {**theirs, "train_s": 0}


def test_an_evaluation_that_is_interrupted_is_all_that_is_repeated(
    data: Path, tmp_path: Path
) -> None:
    def interrupted(network: DetectorNetwork) -> FixedAp:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(train(small_training(tmp_path, data, evaluate=interrupted)))
    saved = load_state(tmp_path / "resume.pt")
    assert (saved.progress.step, saved.progress.epoch) == (STEPS, 0)
    first = next(train(small_training(tmp_path, data, evaluate=lambda _: FixedAp(0.2)), saved))
    assert isinstance(first, EpochResult)
    assert first.row["ap"] == 0.2


def test_the_state_before_an_evaluation_is_saved(data: Path, tmp_path: Path) -> None:
    """A process that is killed for its memory dies there, and cannot save anything."""

    def evaluate(network: DetectorNetwork) -> FixedAp:
        steps.append(load_state(tmp_path / "resume.pt").progress.step)
        return FixedAp(0.2)

    steps: list[int] = []
    list(train(small_training(tmp_path, data, evaluate=evaluate)))
    assert steps == [STEPS * epoch for epoch in range(1, RECIPE.epochs + 1)]


def test_the_last_of_several_epochs_without_a_right_detection_is_the_best(
    data: Path, tmp_path: Path
) -> None:
    scores = iter([0.0, 0.0, 0.0])
    training = small_training(tmp_path, data, evaluate=lambda _: FixedAp(next(scores)))
    epochs = [event for event in train(training) if isinstance(event, EpochResult)]
    assert [epoch.is_best for epoch in epochs] == [True, True, True]


def test_an_epoch_counts_only_once_what_was_written_for_it_is_there(
    data: Path, tmp_path: Path
) -> None:
    events = train(small_training(tmp_path, data))
    epoch = next(event for event in events if isinstance(event, EpochResult))
    assert load_state(tmp_path / "resume.pt").progress.epoch == 0
    next(events)
    assert load_state(tmp_path / "resume.pt").progress.epoch == epoch.number == 1


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_lost_process_of_the_loader_loses_no_step(
    is_stopped: bool, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal to all processes of a job ends those of the loader first: then it is a stop."""
    training = replace(small_training(tmp_path, data), stopping=lambda: is_stopped and lost)
    lost = False
    whole = training.loader.epoch

    def broken(epoch: int, first: int = 0) -> Iterator[Batch]:
        nonlocal lost
        yield from islice(whole(epoch, first), 2)
        lost = True
        raise LoaderError("loader: process 7 ended by: Killed.")

    monkeypatch.setattr(training.loader, "epoch", broken)
    events = train(training)
    assert [type(next(events)) for _ in range(2)] == [StepResult, StepResult]
    if is_stopped:
        assert list(events) == [Pause(0, 2)]
    else:
        with pytest.raises(
            LoaderError, match=r"ended by: Killed\. --resume continues from step 2\."
        ):
            next(events)
    assert load_state(tmp_path / "resume.pt").progress.step == 2


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
    scores = iter([0.2, 0.5, 0.4])
    seen: list[dict[str, Tensor]] = []

    def evaluate(network: DetectorNetwork) -> FixedAp:
        assert not network.training
        seen.append({name: value.clone() for name, value in network.state_dict().items()})
        return FixedAp(next(scores))

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


@pytest.mark.slow
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


@pytest.mark.parametrize(("settling", "measured"), [(150, True), (0, False)])
def test_a_young_detector_is_judged_and_saved_with_measured_statistics(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settling: int, measured: bool
) -> None:
    monkeypatch.setattr("maenas.detector.train.statistics.SETTLING_STEPS", settling)
    judged: list[dict[str, Tensor]] = []

    def accuracy(network: DetectorNetwork) -> FixedAp:
        assert not network.training
        judged.append({name: value.clone() for name, value in network.state_dict().items()})
        return FixedAp(0.1 * len(judged))

    recipe = replace(RECIPE, epochs=1)
    for _ in train(small_training(tmp_path, data, recipe, accuracy)):
        pass
    saved = load_state(tmp_path / "resume.pt").ema
    for name in ("last", "best"):
        assert_same(weights_of(tmp_path / name), judged[-1])
    assert_same(learned(judged[-1]), learned(saved))
    running = {name for name in saved if name.endswith("running_mean")}
    assert {name for name in running if not torch.equal(saved[name], judged[-1][name])} == (
        running if measured else set()
    )


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
    assert_same(learned(weights_of(tmp_path / "last")), learned(saved.ema))
    assert list(tmp_path.rglob(".*")) == []  # nor is half a file left behind
    for _ in train(small_training(tmp_path, data), saved):
        pass
    assert load_state(tmp_path / "resume.pt").progress.epoch == RECIPE.epochs
