"""Every command that computes with torch, on a pretended GPU from end to end."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from maenas.cli.app import app
from maenas.detector.checkpoints.checkpoint import load_folder, save_folder
from maenas.detector.train import load_state
from tests.fake_gpu import pretended_gpu
from tests.small_detector import small_spec
from tests.trainings import write_data

SMALL = ("--set", "batch=2", "--set", "min_steps=1", "--workers", "0", "--json")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("given")
    write_data(folder / "data", images=3)
    torch.manual_seed(0)
    spec = small_spec("stretch")
    save_folder(folder / "start", spec, spec.build().state_dict())
    return folder


@pytest.fixture(autouse=True)
def cudnn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training on a GPU changes a setting of the whole process."""
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)


def run(*words: object) -> None:
    app(args=[*map(str, words), "--compute", "cuda:0"], prog_name="maenas", standalone_mode=False)


@pytest.mark.slow
def test_train_and_resume(given: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "run"
    words = ("--data", given / "data" / "data.yaml", "--epochs", 1, "--out", out, *SMALL)
    with pretended_gpu(has_bf16=False) as gpu:
        run("train", given / "start", *words)
        assert gpu.pinned > 0
        saved = load_state(out / "resume.pt")
        assert saved.progress.epoch == 1
        assert saved.scaler["scale"] >= 1.0  # fp16, without bf16
        assert load_folder(out / "best")[1] is not None
        run("train", "--resume", "--out", out, "--json")
    assert capsys.readouterr().out.count('"epochs": 1') == 2


@pytest.mark.slow
def test_distill(given: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ("--data", given / "data" / "data.yaml", "--epochs", 1, "--out", out, *SMALL)
    with pretended_gpu():
        run("distill", given / "start", "--teacher", given / "start", *words)
    assert load_state(out / "resume.pt").progress.rows[0]["feature"] > 0


@pytest.mark.slow
@pytest.mark.usefixtures("printed_records")
def test_inputs_of_several_sizes_are_told_to_be_slower(given: Path, tmp_path: Path, capsys) -> None:
    words = ("--data", given / "data" / "data.yaml", "--epochs", 1, "--out", tmp_path / "run")
    with pretended_gpu():
        run("train", given / "start", *words, *SMALL, "--set", "sides=[32, 64]")
    assert "inputs of several sizes: cuDNN does not search" in capsys.readouterr().err


@pytest.mark.usefixtures("printed_records")
def test_val_and_detect(given: Path, tmp_path: Path, capsys) -> None:
    with pretended_gpu():
        data = given / "data"
        run("val", given / "start", "--data", data / "data.yaml", "--out", tmp_path / "val")
        run("detect", given / "start", data / "images", "--out", tmp_path / "detect")
    assert capsys.readouterr().err.count("on cuda:0, f32") == 2
