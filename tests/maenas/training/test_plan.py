"""Processes that would not train the same refuse to begin, and say which setting differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import maenas
from maenas.detector.checkpoints.checkpoint import save_folder
from maenas.detector.errors import TrainError
from maenas.detector.train import Recipe, Training, published_recipe, ranks
from maenas.detector.train.batch_size import BatchSize
from maenas.training import plan, run
from maenas.training.plan import PlannedTraining
from maenas.training.run import run_training
from maenas.training.setup import TrainOptions
from tests.processes import run_ranks
from tests.small_detector import small_spec
from tests.trainings import write_data


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data sets that differ in one respect each, a detector and a teacher."""
    folder = tmp_path_factory.mktemp("given")
    for name in ("data", "labels", "val"):
        write_data(folder / name)
    write_data(folder / "images", images=8)
    write_data(folder / "classes", names=("cat", "dog", "cow"))
    label = folder / "labels" / "labels" / "0.txt"
    label.write_text(label.read_text().replace("0 ", "1 ", 1))
    write_data(folder / "val" / "fewer", images=4)
    settings = (folder / "val" / "data.yaml").read_text()
    (folder / "val" / "data.yaml").write_text(settings.replace("val: ", "val: fewer/"))
    torch.manual_seed(0)
    spec = small_spec("stretch")
    for name, its in (("start", spec), ("deeper", small_spec("letterbox"))):
        save_folder(folder / name, its, its.build().state_dict())
    return folder


def with_data(name: str) -> Callable[[TrainOptions, Path], TrainOptions]:
    return lambda options, given: replace(options, data=given / name / "data.yaml")


def with_changes(*changes: str) -> Callable[[TrainOptions, Path], TrainOptions]:
    return lambda options, _: replace(options, changes=(*options.changes, *changes))


def another_gpu(options: TrainOptions, given: Path) -> TrainOptions:
    """In this process `amp: auto` means another precision, as on another GPU."""
    plan.precision_of = lambda *_: torch.float16  # type: ignore[attr-defined]
    return options


def another_version(options: TrainOptions, given: Path) -> TrainOptions:
    maenas.__version__ = "0.1.0"  # in this process alone
    return options


CASES: dict[str, tuple[Callable[[TrainOptions, Path], TrainOptions], str]] = {
    "recipe": (with_changes("optimizer.lr=0.5"), "optimizer.lr is 0.5, but rank 0 has 0.04"),
    "seed": (with_changes("seed=3"), "seed is 3, but rank 0 has 0"),
    "batch": (with_changes("compute.batch=2"), "compute.batch is 2, but rank 0 has "),
    "amp": (with_changes("compute.amp=bf16"), "compute.amp is bf16, but rank 0 has off"),
    "gpu": (another_gpu, "the precision is fp16, but rank 0 has fp32"),
    "epochs": (lambda options, _: replace(options, epochs=3), "epochs is 3, but rank 0 has 1"),
    "classes": (with_data("classes"), "the list of classes is cat, dog, cow, but rank 0 has cat,"),
    "labels": (with_data("labels"), "the digest of the training images is "),
    "images": (with_data("images"), "the digest of the training images is "),
    "val": (with_data("val"), "the digest of the validation images is "),
    "detector": (
        lambda options, given: replace(options, detector=str(given / "deeper")),
        "the digest of the detector is ",
    ),
    "version": (another_version, "the version of maenas is 0.1.0, but rank 0 has "),
}


def begin(rank: int, given: Path, case: str) -> str:
    """One of two processes; the second one differs."""
    ranks.FAREWELL_S = 0.1
    data = given / "data" / "data.yaml"
    options = TrainOptions(str(given / "start"), data, 1, ("compute.amp=off",))
    if rank:
        options = CASES[case][0](options, given)
    with pytest.raises(TrainError) as error:
        run_training(options, given / f"run-{case}", False, False, "cpu", 0)
    return str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_setting_that_differs_is_named_with_its_rank_and_nothing_is_written(
    case: str, given: Path
) -> None:
    first, second = run_ranks(2, begin, given, case)
    assert first == second
    assert first.startswith(f"rank 1: {CASES[case][1]}")
    assert first.endswith("; start every process with the same command, files and versions.")
    assert not (given / f"run-{case}").exists()


class Started(Exception):
    """A training is about to take its first step."""

    def __init__(self, training: Training) -> None:
        super().__init__()
        self.training = training


def started(training: Training, *_: object) -> None:
    raise Started(training)


def load(rank: int, given: Path, out: Path) -> int:
    """One of two processes, of which the second has the smaller GPU."""
    ranks.FAREWELL_S = 0.1
    plan.fitting_batch = lambda *_: 4 // (rank + 1)  # type: ignore[attr-defined]
    run.follow = started  # type: ignore[assignment]
    data = given / "images" / "data.yaml"
    options = TrainOptions(str(given / "start"), data, 1, ("compute.amp=off",))
    with pytest.raises(Started) as event:
        run_training(options, out, False, False, "cpu", 0)
    return event.value.training.loader.options.batch


def test_all_processes_load_what_fits_into_the_smallest_memory(given: Path, tmp_path: Path) -> None:
    """Otherwise their epochs differ in length, and the longer one waits for the other in vain."""
    assert run_ranks(2, load, given, tmp_path / "run") == [2, 2]


def test_a_last_batch_that_is_not_full_is_a_step_as_well() -> None:
    recipe = Recipe(epochs=10)
    for drawn, steps in ((200, 250), (205, 260), (208, 260)):
        its = SimpleNamespace(recipe=recipe, drawn=drawn, size=BatchSize(4, 2))
        assert PlannedTraining.steps.__get__(its) == steps


def test_another_optimizer_for_few_images_is_announced_with_the_way_back() -> None:
    published = published_recipe("t")
    assert plan.optimizer_notes(published, published.suited_to(118_287), 256) == []
    assert plan.optimizer_notes(published, published.suited_to(205), 8) == [
        "adamw with a rate of 0.002, not sgd with 0.00125: fewer than 1,280,000 images in all "
        "epochs; --set optimizer.name=sgd keeps it"
    ]


def test_a_training_on_few_images_has_the_optimizer_for_them(
    given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "follow", started)
    data = given / "data" / "data.yaml"
    for changes, name in ((), "adamw"), (("optimizer.name=sgd",), "sgd"):
        options = TrainOptions(str(given / "start"), data, 1, changes, recipe="t")
        with pytest.raises(Started) as event:
            run_training(options, tmp_path / name, False, False, "cpu", 0)
        assert event.value.training.recipe.optimizer.name == name
