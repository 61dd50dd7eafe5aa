"""The loop with a teacher: two stages, exact continuation, several processes."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from maenas.detector.checkpoints.checkpoint import load_folder
from maenas.detector.distill import FEATURE_LOSSES, DistillOptions, Teacher
from maenas.detector.errors import TrainError
from maenas.detector.train import (
    FEATURE,
    PARTS,
    EpochResult,
    StepResult,
    joined_ranks,
    load_state,
    train,
)
from maenas.detector.train.schedule import ScheduleOptions
from tests.lively import reading
from tests.processes import run_ranks
from tests.small_detector import NAMES, small_spec
from tests.trainings import RECIPE, small_training, wider_teacher, write_data

STEPS, TAUGHT = 3, 3  # steps an epoch; epochs with the teacher, of four
METHODS = list(FEATURE_LOSSES)
ONE_EPOCH = replace(
    RECIPE,
    epochs=1,
    schedule=ScheduleOptions(warmup_epochs=0.5, plain_epochs=0),
    distill=DistillOptions(method="mgd", weight=2.0),
)
DISTILLING = replace(RECIPE, epochs=4, distill=DistillOptions(method="mgd", weight=2.0))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.mark.slow
def test_killed_at_any_step_and_continued_the_weights_are_those_of_an_unbroken_run(
    data: Path, tmp_path: Path
) -> None:
    for _ in train(small_training(tmp_path / "whole", data, DISTILLING, teacher=wider_teacher())):
        pass
    whole = load_state(tmp_path / "whole" / "resume.pt")
    assert whole.feature_loss
    kills = random.Random(0)
    in_stages = [(0, STEPS * TAUGHT), (STEPS * TAUGHT, STEPS * DISTILLING.epochs)]
    for kill in (kills.randrange(*steps) for steps in in_stages):
        folder = tmp_path / f"killed{kill}"
        events = train(small_training(folder, data, DISTILLING, teacher=wider_teacher()))
        for event in events:
            if isinstance(event, StepResult) and event.number == kill:
                break
        events.close()  # type: ignore[attr-defined]
        saved = load_state(folder / "resume.pt")
        assert saved.progress.epoch == kill // STEPS
        torch.rand(7)  # whatever else the process drew
        for _ in train(small_training(folder, data, DISTILLING, teacher=wider_teacher()), saved):
            pass
        ended = load_state(folder / "resume.pt")
        for ours, theirs in (
            (ended.network, whole.network),
            (ended.feature_loss, whole.feature_loss),
            (ended.ema, whole.ema),
        ):
            assert ours.keys() == theirs.keys()
            assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


def test_the_teacher_leaves_before_the_plain_epochs_and_the_projections_stay_as_they_are(
    data: Path, tmp_path: Path
) -> None:
    training = small_training(tmp_path, data, DISTILLING, teacher=wider_teacher())
    assert training.teaching is not None
    loss = training.teaching.loss
    first = {name: value.clone() for name, value in loss.state_dict().items()}
    at_the_end_of: dict[int, dict[str, torch.Tensor]] = {}
    rows, steps = [], []
    for event in train(training):
        if isinstance(event, EpochResult):
            at_the_end_of[event.number] = {k: v.clone() for k, v in loss.state_dict().items()}
            rows.append(event.row)
        else:
            steps.append(event)
    taught, last = at_the_end_of[TAUGHT], at_the_end_of[DISTILLING.epochs]
    assert any(not torch.equal(first[name], taught[name]) for name in first)
    assert all(torch.equal(taught[name], last[name]) for name in first)
    assert all(set(step.parts) == {*PARTS, FEATURE} for step in steps)
    assert [row[FEATURE] > 0 for row in rows] == [True, True, True, False]
    for row in rows:
        assert row["loss"] == pytest.approx(sum(row[name] for name in (*PARTS, FEATURE)))


@pytest.mark.parametrize("method", METHODS)
def test_the_detector_that_is_kept_has_no_projections(
    method: str, data: Path, tmp_path: Path
) -> None:
    options = DistillOptions(method=method, features="backbone", levels=(4, 5))  # type: ignore[arg-type]
    recipe = replace(RECIPE, distill=options)
    for _ in train(small_training(tmp_path, data, recipe, teacher=wider_teacher())):
        pass
    spec, weights = load_folder(tmp_path / "last")
    assert weights is not None
    assert weights.keys() == spec.build().state_dict().keys()


@pytest.mark.slow
def test_the_teacher_neither_learns_nor_changes_its_statistics(data: Path, tmp_path: Path) -> None:
    training = small_training(tmp_path, data, DISTILLING, teacher=wider_teacher())
    assert training.teaching is not None
    images = torch.rand(2, 3, 64, 64) * 255
    before = training.teaching.teacher_maps(images, None)
    for _ in train(training):
        pass
    after = training.teaching.teacher_maps(images, None)
    for ours, expected in zip(after, before, strict=True):  # in another order of memory by now
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)
    assert not any(each.requires_grad for each in after)


def test_maps_of_a_teacher_are_those_of_its_network_in_evaluation() -> None:
    torch.manual_seed(0)
    spec, images = small_spec(), torch.rand(2, 3, 64, 64) * 255
    network = spec.build()
    network(images)  # statistics other than those of a fresh network
    teacher = Teacher(spec, network.state_dict(), "teacher")
    maps = network.eval().maps(images)
    for features in ("neck", "backbone"):
        found = teacher.maps(images, features, (3, 5))
        for ours, expected in zip(found, maps[features][::2], strict=True):
            torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("cat", "dog"), "teacher here: detects cat, dog, bird, the data have cat, dog; train it"),
        (("cat", "bird", "dog"), "detects cat, dog, bird, the data have cat, bird, dog"),
        (tuple(map(str, range(8))), "the data have 0, 1, 2, 3, 4, 5 and 2 more"),
    ],
)
def test_a_teacher_of_other_classes_is_refused(names: tuple[str, ...], message: str) -> None:
    teacher = Teacher(small_spec(), small_spec().build().state_dict(), "here")
    with pytest.raises(TrainError, match=message):
        teacher.require_fit(small_spec(), names)


def test_a_teacher_without_names_is_taken_by_the_number_of_its_classes() -> None:
    spec = small_spec(names=())
    teacher = Teacher(spec, spec.build().state_dict(), "here")
    teacher.require_fit(small_spec(), ("a", "b", "c"))
    with pytest.raises(TrainError, match="detects 3 classes without names, the data have a, b"):
        teacher.require_fit(small_spec(), ("a", "b"))


def test_a_teacher_with_other_strides_is_refused() -> None:
    spec = small_spec()
    stages = list(spec.backbone.stages)
    stages[1] = replace(stages[1], stride=1)
    other = replace(spec, backbone=replace(spec.backbone, stages=tuple(stages)))
    teacher = Teacher(other, other.build().state_dict(), "here")
    with pytest.raises(TrainError, match="maps at strides 4, 8, 16, the student at 8, 16, 32"):
        teacher.require_fit(spec, NAMES)


def test_a_teacher_of_other_images_is_refused() -> None:
    spec = reading(small_spec(), 1)
    teacher = Teacher(spec, spec.build().state_dict(), "here")
    with pytest.raises(TrainError, match="here: reads grey images, the student RGB ones; train a"):
        teacher.require_fit(small_spec(), NAMES)


def test_a_teacher_without_weights_is_refused() -> None:
    with pytest.raises(TrainError, match="teacher here: has no weights; train it first"):
        Teacher(small_spec(), None, "here")


def learn(rank: int, data: Path, out: Path) -> dict[str, Any]:
    """One of two processes: a whole training, and one that is stopped in an epoch and resumed."""
    weights: dict[str, Any] = {}
    masks: list[float] = []
    drawn = torch.rand

    def rand(*size: int) -> torch.Tensor:
        numbers = drawn(*size)
        masks.append(float(numbers.sum()))
        return numbers

    torch.rand = rand  # type: ignore[assignment]
    with joined_ranks("cpu") as ranks:
        for name, last in (("whole", None), ("resumed", 0), ("resumed", None)):
            training = small_training(
                out / name, data, ONE_EPOCH, ranks=ranks, teacher=wider_teacher()
            )
            assert training.teaching is not None
            is_resumed = name == "resumed" and last is None
            saved = load_state(out / name / "resume.pt") if is_resumed else None
            steps: list[int] = []
            stopping = partial(steps.__contains__, last)
            for event in train(replace(training, stopping=stopping), saved):
                if isinstance(event, StepResult):
                    steps.append(event.number)
            loss = training.teaching.loss
            kept = {**dict(training.network.named_parameters()), **dict(loss.named_parameters())}
            weights[name] = {key: value.tolist() for key, value in kept.items()}
    return {**weights, "masks": masks}


@pytest.mark.slow
def test_processes_share_the_gradients_of_the_projections_and_resume_exactly(
    data: Path, tmp_path: Path
) -> None:
    first, second = run_ranks(2, learn, data, tmp_path)
    assert any("projection" in name for name in first["whole"])
    assert first["whole"] == second["whole"]
    assert first["resumed"] == first["whole"]
    assert first["masks"] != second["masks"]  # each masks its images in its own way
    assert len(first["masks"]) == len(second["masks"])
