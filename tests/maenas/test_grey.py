"""A detector of grey images, from the search to detections of the exported file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

import maenas
from maenas.blocks import MaenasError
from maenas.budgets import load_device
from maenas.detector.checkpoints.checkpoint import load_folder
from maenas.runs.models import sized
from tests.lively import reading
from tests.maenas.conftest import SMALL_BUDGET, SMALL_OPTIONS, SMALL_SPACE
from tests.small_detector import small_folder, small_spec
from tests.trainings import write_data

SETTINGS = ("--compute", "cpu", "--workers", "0", "--set", "compute.batch=2", "--set", "batch=2")


@pytest.mark.slow
def test_a_grey_detector_is_searched_trained_exported_and_run(
    typed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SMALL_SPACE)
    data = write_data(tmp_path / "data")

    def done(*words: object) -> Any:
        ran = typed(*map(str, words))
        assert ran.code == 0, ran.err
        return ran

    found = done(*SMALL_OPTIONS, *SMALL_BUDGET, "--channels", 1, "--out", "search")
    assert "64x64 grey pixels" in found.words
    assert maenas.load_backbone("search/best.yaml").in_shape == (1, 64, 64)
    assert "--channels 1" in (tmp_path / "search" / "config.yaml").read_text().splitlines()[0]
    assert "64x64 grey pixels" in (tmp_path / "search" / "report.html").read_text()
    small_folder(tmp_path / "rgb")
    words = ("--names", "cat,dog,bird", "--init", "rgb", "--out", "built")
    assert "64x64 grey" in done("build-detector", "search", *words).out
    done("train", "built", "--data", data, "--epochs", 1, "--out", "trained", *SETTINGS)
    assert "- images: grey, 8 bits" in (tmp_path / "trained" / "card.md").read_text()
    done("export", "trained", "--out", "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(about["in_shape"]) == [1, 64, 64]
    assert about["colour"] == "grey"
    folder = data.parent / "images"
    evaluated = ("--data", data, "--no-save", "--json")
    in_torch = done("val", "trained", *evaluated).json
    exported = done("val", "model.onnx", *evaluated).json
    assert in_torch["in_shape"] == exported["in_shape"] == [1, 64, 64]
    assert exported["ap"] == pytest.approx(in_torch["ap"], abs=1e-3)
    assert done("detect", "model.onnx", folder, "--json", "--out", "found").json["looked"] == 5
    done("predict", "model.onnx", "--device", "t4")
    done("predict", "trained", "--device", "t4")


def test_a_build_reads_other_images_and_costs_less(tmp_path: Path) -> None:
    name, t4 = "zoo:damo-yolo-ns", load_device("t4")
    built = maenas.build_detector(name, tmp_path / "grey", channels=1)
    spec, _ = load_folder(tmp_path / "grey")
    assert spec.backbone.in_shape == (1, 416, 416)
    rgb = reading(spec, 3)
    assert built.costs["total"].latency_ms == pytest.approx(sum(map(t4.op_ms, spec.ops())))
    assert built.costs["total"].macs < sum(op.macs for op in rgb.ops())
    assert sized(spec, (64, 96)).backbone.in_shape == (1, 64, 96)
    with pytest.raises(MaenasError, match=r"zoo:damo-yolo-ns: backbone.in_shape: .* 1 \(grey\)"):
        maenas.build_detector(name, tmp_path / "none", channels=2)
    assert not (tmp_path / "none").exists()


def test_a_run_of_other_images_is_refused_before_its_first_step(tmp_path: Path) -> None:
    with pytest.raises(MaenasError, match=r"run: --channels: images have 3 .* 1 \(grey\), got 2"):
        maenas.run("1GMACs", channels=2, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_grey_array_a_grey_file_and_its_colours_are_the_same_image(tmp_path: Path) -> None:
    from maenas.detector.checkpoints.checkpoint import save_folder

    spec = reading(small_spec(), 1)
    save_folder(tmp_path, spec, spec.build().state_dict())
    detector = maenas.Detector(tmp_path)
    assert repr(detector) == f"Detector('{tmp_path}', 64x64 grey, 3 classes)"
    levels = np.random.default_rng(0).integers(0, 256, (50, 90), dtype=np.uint8)
    Image.fromarray(levels).save(tmp_path / "part.png")
    Image.fromarray(levels.astype(np.uint16) * 256 + 255).save(tmp_path / "deep.png")
    images = (levels, tmp_path / "part.png", tmp_path / "deep.png", np.stack([levels] * 3, axis=2))
    one, *others = (detector.predict(image, min_score=0.0) for image in images)
    assert len(one) > 0
    for other in others:
        np.testing.assert_array_equal(other.boxes, one.boxes)
        np.testing.assert_array_equal(other.scores, one.scores)
