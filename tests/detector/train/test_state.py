"""What a run keeps, and what it refuses to continue from."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from maenas.detector.checkpoints.checkpoint import folder_is_trained
from maenas.detector.data import read_dataset
from maenas.detector.errors import TrainError
from maenas.detector.train import identity, load_state, train
from maenas.detector.train.state import HEADER, OLDER, RunFolder, TrainingProgress
from tests.small_detector import NAMES, small_spec
from tests.trainings import RECIPE, small_training, write_data

SPEC = small_spec("stretch")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


def of(data: Path, spec=SPEC, recipe: str = "recipe"):
    return identity(spec, read_dataset(data, "train"), recipe)


def test_a_run_can_be_continued_from_its_first_moment_on(data: Path, tmp_path: Path) -> None:
    events = train(small_training(tmp_path, data))
    next(events)
    saved = load_state(tmp_path / "resume.pt")
    assert (saved.progress.epoch, saved.progress.step, saved.progress.rows) == (0, 0, [])
    assert (tmp_path / "last" / "weights.safetensors").exists()
    assert folder_is_trained(tmp_path / "last") is False


@pytest.mark.parametrize(
    ("steps", "skipped", "starts_trained", "expected"),
    [(0, 0, False, False), (3, 3, False, False), (3, 2, False, True), (0, 0, True, True)],
)
def test_a_detector_is_trained_once_a_step_was_taken(
    tmp_path: Path, steps: int, skipped: int, starts_trained: bool, expected: bool
) -> None:
    progress = TrainingProgress(step=steps, skipped=skipped)
    folder = RunFolder(tmp_path, SPEC, starts_trained=starts_trained)
    folder.save("last", SPEC.build().state_dict(), progress, "a note")
    assert folder_is_trained(tmp_path / "last") is expected


def test_no_code_of_the_file_is_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self):
            return print, ("gotcha",)

    torch.save({"format": Evil()}, tmp_path / "resume.pt")
    with pytest.raises(
        TrainError, match=r"resume\.pt: is damaged or not a training saved by maenas"
    ):
        load_state(tmp_path / "resume.pt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is damaged or not a training"),
        (b"PK\x03\x04 cut", "is damaged or not a training"),
        (None, "there is no training to continue; leave --resume out"),
    ],
)
def test_a_file_that_is_no_state_is_named(
    content: bytes | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "resume.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TrainError, match=message):
        load_state(path)


def test_one_changed_bit_anywhere_is_found(data: Path, tmp_path: Path) -> None:
    next(train(small_training(tmp_path, data)))
    path, rng = tmp_path / "resume.pt", random.Random(0)
    content = path.read_bytes()
    for index in (*range(40), *(rng.randrange(len(content)) for _ in range(40))):
        changed = bytearray(content)
        changed[index] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        with pytest.raises(TrainError, match=r"resume\.pt: is damaged"):
            load_state(path)


def test_a_state_of_before_has_no_checksum_and_goes_on(data: Path, tmp_path: Path) -> None:
    next(train(small_training(tmp_path, data)))
    path = tmp_path / "resume.pt"
    state = torch.load(io.BytesIO(path.read_bytes()[len(HEADER) :]), weights_only=True)
    progress = {key: value for key, value in state["progress"].items() if "epoch_" not in key}
    torch.save({**state, "format": OLDER, "progress": progress}, path)
    assert load_state(path).progress.epoch_batches == 0


def test_another_version_is_named(tmp_path: Path) -> None:
    torch.save({"format": "maenas/training@9"}, tmp_path / "resume.pt")
    with pytest.raises(TrainError, match="is a maenas/training@9, expected maenas/training@3"):
        load_state(tmp_path / "resume.pt")


def test_the_same_data_elsewhere_are_the_same(data: Path, tmp_path: Path) -> None:
    of(data).require(of(write_data(tmp_path / "moved")), Path("run/resume.pt"))


def test_other_classes_data_spec_or_recipe_are_named(data: Path, tmp_path: Path) -> None:
    saved, where = of(data), Path("run/resume.pt")
    renamed = write_data(tmp_path / "renamed", names=("cat", "dog", "fish"))
    with pytest.raises(TrainError, match=r"classes cat, dog, bird, the data has cat, dog, fish"):
        of(renamed).require(saved, where)
    label = data.parent / "labels" / "0.txt"
    label.write_text(label.read_text().replace("0 ", "1 ", 1))
    with pytest.raises(TrainError, match=r"other images or labels.*from run/last"):
        of(data).require(saved, where)
    label.write_text(label.read_text().replace("1 ", "0 ", 1))
    other = replace(SPEC, head=replace(SPEC.head, reg_max=8))
    with pytest.raises(TrainError, match="other parts of the detector"):
        of(data, other).require(saved, where)
    with pytest.raises(TrainError, match="other values of the recipe"):
        of(data, recipe="changed").require(saved, where)


def test_a_setting_that_came_after_the_training_has_its_default_value(data: Path) -> None:
    where = Path("run/resume.pt")
    older = of(data, recipe="epochs=300\nbatch=256")
    of(data, recipe="epochs=300\nbatch=256\nfine_tune.freeze=0").require(older, where)
    with pytest.raises(TrainError, match=r"\(none, now fine_tune.freeze=2\)"):
        of(data, recipe="epochs=300\nbatch=256\nfine_tune.freeze=2").require(older, where)
    newer = of(data, recipe="epochs=300\nbatch=256\nlater.setting=1")
    with pytest.raises(TrainError, match=r"\(later.setting=1, now none\)"):
        of(data, recipe="epochs=300\nbatch=256").require(newer, where)


def test_the_state_holds_the_classes_and_a_line_an_epoch(data: Path, tmp_path: Path) -> None:
    for _ in train(small_training(tmp_path, data)):
        pass
    saved = load_state(tmp_path / "resume.pt")
    assert saved.identity.names == NAMES
    assert [row["epoch"] for row in saved.progress.rows] == list(range(1, RECIPE.epochs + 1))
