"""The model card: what a stranger must know about a trained detector."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import maenas
from maenas.detector.checkpoints.checkpoint import save_folder
from maenas.training.run import run_training
from maenas.training.setup import TrainOptions
from tests.small_detector import small_spec
from tests.trainings import write_data

NAMES = ("cat", "a|b <script>", "`x`")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training of one epoch."""
    folder = tmp_path_factory.mktemp("card")
    data = write_data(folder / "data", names=("cat", "cow", "dog"))
    text = data.read_text(encoding="utf-8")
    data.write_text(text.replace("[cat, cow, dog]", str(list(NAMES))), encoding="utf-8")
    spec = small_spec("stretch")
    save_folder(folder / "start", spec, spec.build().state_dict())
    asked = TrainOptions(str(folder / "start"), data, 1, ("compute.batch=2", "batch=2"))
    run_training(asked, folder / "run", False, False, "cpu", 0)
    return folder / "run"


def test_a_finished_training_leaves_a_card(trained: Path) -> None:
    text = (trained / "card.md").read_text(encoding="utf-8")
    for part in ("## Results", "## Latency", "## Network", "## Data", "## Training", "## Use"):
        assert f"\n{part}\n" in text
    assert "# Object detector of 3 classes, 64x64 pixels" in text
    assert "| AP | 0." in text
    assert "epoch 1 of 1" in text
    assert "- optimizer: name " in text
    assert "5 training images with 5 objects" in text
    assert "- steps: 3, 3 an epoch" in text
    assert "It is not an accuracy" in text


def test_names_of_classes_cannot_break_the_card(trained: Path) -> None:
    text = (trained / "card.md").read_text(encoding="utf-8")
    assert "<script>" not in text.replace("\\<script\\>", "")
    assert "a\\|b \\<script\\>" in text


def test_latency_names_its_origin(trained: Path, tmp_path: Path) -> None:
    path = maenas.card(trained, devices=["t4"], out=tmp_path / "mine.md")
    assert path == tmp_path / "mine.md"
    line = next(row for row in path.read_text(encoding="utf-8").splitlines() if "| t4 |" in row)
    assert " ms" not in line.split("|")[1]
    assert "estimated" in line


def test_lost_data_is_said(trained: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(trained, copy)
    args = copy / "args.yaml"
    args.write_text(
        args.read_text(encoding="utf-8").replace(str(trained.parent / "data"), "/gone"),
        encoding="utf-8",
    )
    text = maenas.card(copy).read_text(encoding="utf-8")
    assert "which cannot be read here any more" in text


def test_a_folder_without_a_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(maenas.MaenasError, match="must be the folder of a training"):
        maenas.card(tmp_path)
    assert list(tmp_path.iterdir()) == []
