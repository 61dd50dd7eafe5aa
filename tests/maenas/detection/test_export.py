"""`maenas export`: what may be named, and what is said."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maenas.detection.export import calibration_images, comparison_image
from maenas.detector.checkpoints.checkpoint import save_folder
from tests.lively import reading
from tests.maenas.conftest import Shell
from tests.small_detector import SIDE, small_folder, small_spec

BACKBONE = "format: maenas/backbone@2\nin_shape: [3, 64, 64]\nstages: []\n"


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_training_run_stands_for_its_best_detector(typed: Shell) -> None:
    small_folder(Path("run/last"))
    best = small_folder(Path("run/best"))
    ran = typed("export", "run", "--end2end", "--json")
    assert ran.code == 0
    assert Path(ran.json["path"]) == best / "detector.onnx"
    assert ran.json["objects"] == 2 * 2  # cells of the coarsest level
    assert ran.json["objects_above"] == 0.05
    assert "trained weights" not in ran.err


def test_the_nms_of_an_untrained_detector_is_compared_at_a_lower_score(typed: Shell) -> None:
    save_folder(Path("fresh"), small_spec(), None)
    ran = typed("export", "fresh", "--end2end", "--min-score", "0.99")
    assert ran.code == 0
    assert "fresh has no trained weights: the file is useful only to measure latency" in ran.err
    assert "its NMS gives the same " in ran.out
    assert "detections as the NMS of maenas above 0.99" not in ran.out


@pytest.mark.parametrize(("suffix", "trained"), [("onnx", True), ("onnx", False), ("xml", False)])
def test_an_exported_file_says_whether_its_detector_is_trained(
    typed: Shell, suffix: str, trained: bool
) -> None:
    if trained:
        small_folder(Path("model"))
    else:
        save_folder(Path("model"), small_spec(), None)
    file = f"file.{suffix}"
    exported = typed("export", "model", "--out", file, "--json").json
    assert exported["metadata"]["trained"] == json.dumps(trained)
    Image.new("RGB", (SIDE, SIDE)).save("a.png")
    ran = typed("detect", file, "a.png", "--no-draw", "--json")
    assert ran.json["trained"] is trained
    assert (f"{file} has no trained weights" in ran.err) is not trained


def test_the_format_is_that_of_the_file_named(typed: Shell) -> None:
    small_folder(Path("model"))
    assert typed("export", "model", "--out", "model.xml").code == 0
    assert Path("model.xml").exists()
    assert Path("model.bin").exists()
    refused = typed("export", "model", "--format", "onnx", "--out", "other.xml")
    assert refused.code == 2
    assert "other.xml" in refused.err


@pytest.mark.parametrize("command", ["export", "detect", "val"])
@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("search", "search: is the run of a search, which holds a backbone without neck and head"),
        ("search/best.yaml", "search/best.yaml: is a backbone without neck and head; `maenas bui"),
        ("empty", "empty: holds no detector: neither detector.yaml nor best/detector.yaml"),
        ("nowhere", "nowhere: no such file or folder; expected a detector folder"),
        ("a.txt", "a.txt: expected a detector folder or its detector.yaml"),
        (
            "zoo:mae-det-s",
            "zoo:mae-det-s: is a backbone without neck and head; `maenas build-detector`",
        ),
    ],
)
def test_what_is_no_detector_is_one_line(
    typed: Shell, command: str, model: str, message: str
) -> None:
    for folder in ("search", "empty"):
        Path(folder).mkdir()
    Path("search/best.yaml").write_text(BACKBONE)
    Path("a.txt").touch()
    more = {"export": (), "detect": (".",), "val": ("--data", "data.yaml")}[command]
    ran = typed(command, model, *more)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith(f"error: {message}")
    assert ran.err.count("\n") == 1


MISTAKES = (
    ("export", "nowhere"),
    ("export", "model", "--format", "coreml"),
    ("export", "model", "--opset", "11"),
    ("export", "model", "--batch", "0"),
    ("export", "model", "--out", "model.pt"),
    ("export", "model", "--image", "none.jpg"),
    ("detect", "nowhere", "model"),
    ("detect", "model", "none.jpg"),
    ("detect", "model", "model", "--min-score", "2"),
    ("val", "nowhere", "--data", "data.yaml"),
)


def test_mistakes_are_told_before_torch_is_loaded() -> None:
    small_folder(Path("model"))
    code = f"""
import sys
from maenas.cli.app import app
from maenas.blocks import MaenasError
for arguments in {MISTAKES}:
    try:
        app(arguments, standalone_mode=False)
    except MaenasError as error:
        print(error)
    assert "torch" not in sys.modules, arguments
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.splitlines()) == len(MISTAKES)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_for_calibration_and_comparison_have_the_channels_of_the_detector(
    channels: int,
) -> None:
    spec = reading(small_spec(), channels)
    levels = np.random.default_rng(0).integers(0, 256, (30, 40, 1), dtype=np.uint8)
    pixels = levels.repeat(3, axis=2)
    [given] = calibration_images([pixels], spec)
    drawn = calibration_images(None, spec)
    assert {each.shape for each in (given, *drawn)} == {(1, channels, 64, 64)}
    np.testing.assert_array_equal(comparison_image(pixels, spec), given)
    assert comparison_image(None, spec).shape == (1, channels, 64, 64)
