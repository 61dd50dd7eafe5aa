"""The model card: what a stranger must know about a trained detector."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import maenas
from maenas.detector.checkpoints.checkpoint import save_folder
from maenas.pipeline.options import RunOptions
from maenas.pipeline.record import FinishedStep, RunRecord
from maenas.runs.folders import TRAINING
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


def test_epochs_that_were_left_out_are_not_counted_as_trained(
    trained: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    args = (run / "args.yaml").read_text(encoding="utf-8")
    (run / "args.yaml").write_text(
        args.replace("epochs: 1,", "epochs: 8,").replace("epochs: 1\n", "epochs: 8\n"),
        encoding="utf-8",
    )
    rows = ["epoch,step,ap,ap50", "1,3,0.3,0.5", "2,6,0.2,0.4", "5,15,0.4,0.6", "6,18,0.2,0.4"]
    (run / "results.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    text = maenas.card(run, out=tmp_path / "card.md").read_text(encoding="utf-8")
    assert "epoch 5 of 8" in text
    assert "- steps: 12, 3 an epoch" in text


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


def changed(trained: Path, folder: Path, *pairs: tuple[str, str]) -> Path:
    """A copy of the training whose `args.yaml` is changed."""
    shutil.copytree(trained, folder)
    text = (folder / "args.yaml").read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    (folder / "args.yaml").write_text(text, encoding="utf-8")
    return folder


def test_the_batch_is_that_of_the_training_beside_that_of_the_recipe(
    trained: Path, tmp_path: Path
) -> None:
    assert "- batch: 2 images a step\n" in (trained / "card.md").read_text(encoding="utf-8")
    run = changed(trained, tmp_path / "run", ("\n  batch: 2\n", "\n  batch: 256\n"))
    assert "- batch: 2 images a step (256 in the recipe)\n" in maenas.card(run).read_text("utf-8")
    old = changed(trained, tmp_path / "old", ("images_a_step: 2\n", ""))
    assert "- batch: 2 in the recipe; a small data set" in maenas.card(old).read_text("utf-8")


def test_a_start_from_random_weights_is_said(trained: Path, tmp_path: Path) -> None:
    start = str(trained.parent / "start")
    assert f"- started from: `{start}`\n" in (trained / "card.md").read_text(encoding="utf-8")
    save_folder(tmp_path / "built", small_spec("stretch"), None)
    for number, name in enumerate((str(tmp_path / "built"), "zoo:damo-yolo-ns")):
        run = changed(trained, tmp_path / f"run{number}", (start, name))
        text = maenas.card(run).read_text(encoding="utf-8")
        assert f"- started from: random weights (`{name}`)\n" in text


def test_a_latency_that_the_run_measured_comes_before_the_prediction(
    trained: Path, tmp_path: Path
) -> None:
    run = changed(trained, tmp_path / "run" / TRAINING)
    result = {
        **{"network": "run/model.onnx", "device": "cpu", "backend": "openvino"},
        **{"latency_ms": {"p50": 20.0}, "warnings": [], "predicted": {"device_speed": 0.5}},
    }
    step = FinishedStep("measure", "maenas measure run/model.onnx", 1.0, result)
    RunRecord(RunOptions()).with_step(step).save(tmp_path / "run")
    text = maenas.card(run, devices=["t4"]).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith(("| cpu |", "| t4 |"))]
    assert lines[0] == (
        "| cpu | 10.000 measured | run/model.onnx in openvino by maenas run, at the speed that the "
        "device had when its table was measured |"
    )
    assert " estimated | " in lines[1]
    assert len(lines) == 2
    (tmp_path / "run" / "run.json").write_text("[]")
    assert "Not predicted" in maenas.card(run).read_text(encoding="utf-8")


def test_lost_data_is_said(trained: Path, tmp_path: Path) -> None:
    copy = changed(trained, tmp_path / "run", (str(trained.parent / "data"), "/gone"))
    text = maenas.card(copy).read_text(encoding="utf-8")
    assert "which cannot be read here any more" in text


def test_a_folder_without_a_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(maenas.MaenasError, match="must be the folder of a training"):
        maenas.card(tmp_path)
    assert list(tmp_path.iterdir()) == []
