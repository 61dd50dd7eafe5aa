"""`--init`: detectors that inherit the weights of another one, in every command that takes it."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from maenas import Detector
from maenas.detector.checkpoints.checkpoint import (
    folder_is_trained,
    folder_mapped_from,
    load_folder,
    save_folder,
)
from tests.small_detector import small_folder, small_spec
from tests.trainings import write_data

SETTINGS = ("--compute", "cpu", "--workers", "0", "--set", "compute.batch=2", "--set", "batch=2")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set, a detector with weights, and a wider one without."""
    folder = tmp_path_factory.mktemp("given")
    write_data(folder / "data", names=("cat", "cow"))
    small_folder(folder / "source")
    spec = small_spec()
    first, *stages = spec.backbone.stages
    wide = (first, *(replace(stage, out_channels=12) for stage in stages))
    save_folder(folder / "wide", replace(spec, backbone=replace(spec.backbone, stages=wide)), None)
    return folder


def train(given: Path, out: Path, *words: str) -> list[str]:
    data = str(given / "data" / "data.yaml")
    return ["train", *words, "--data", data, "--epochs", "1", "--out", str(out), *SETTINGS]


def tensors_in(folder: Path) -> int:
    """Number of tensors of a detector folder."""
    weights = load_folder(folder)[1]
    assert weights is not None
    return len(weights)


def test_a_training_starts_from_mapped_weights_and_says_of_each_tensor_where_it_is_from(
    typed, given, tmp_path
) -> None:
    out = tmp_path / "run"
    source = str(given / "source")
    ran = typed(*train(given, out, str(given / "wide"), "--init", source))
    assert ran.code == 0, ran.err
    assert f"of its values from {source}: tensors" in ran.err
    assert "which keeps 1 of 2 classes" in ran.err
    rows = list(csv.DictReader((out / "inherited.csv").read_text().splitlines()))
    assert len(rows) == tensors_in(out / "last")
    of = {row["tensor"]: row for row in rows}
    name = "backbone.stages.1.0.chain.1.conv.weight"
    assert (of[name]["origin"], of[name]["source"]) == ("repeated", name)
    assert (of[name]["shape"], of[name]["source_shape"]) == ("12x4x3x3", "8x4x3x3")
    last = of["head.scores.2.0.bias"]
    assert (last["origin"], last["shape"], last["source_shape"]) == ("matched", "2", "3")
    assert yaml.safe_load((out / "args.yaml").read_text())["init"] == source
    assert f"mapped from `{source}`" in (out / "card.md").read_text(encoding="utf-8")
    again = typed(*train(given, out, str(given / "wide"), "--init", source), "--resume")
    assert again.code == 0, again.err
    other = typed(*train(given, out, "--init", "other"), "--resume")
    assert other.code == 2
    assert f"--init other: {out} was started with {source}; leave it out" in other.err
    (out / "card.md").unlink()  # as if it was killed before the last file
    ran = typed(*train(given, out, str(given / "wide")), "--resume")
    assert ran.code == 0, ran.err
    assert yaml.safe_load((out / "args.yaml").read_text())["init"] == source
    assert f"mapped from `{source}`" in (out / "card.md").read_text(encoding="utf-8")


def test_a_detector_is_built_with_mapped_weights_and_the_classes_of_their_source(
    typed, given, tmp_path
) -> None:
    words = ["build-detector", "zoo:damo-yolo-ns", "--template", "ns", "--out", str(tmp_path / "b")]
    built = typed(*words, "--init", str(given / "source"), "--json")
    assert built.code == 0, built.err
    assert sum(built.json["inherited"].values()) == tensors_in(tmp_path / "b")
    assert load_folder(tmp_path / "b")[0].names == ("cat", "dog", "bird")
    assert (tmp_path / "b" / "inherited.csv").exists()
    assert folder_is_trained(tmp_path / "b") is False
    assert folder_mapped_from(tmp_path / "b") == str(given / "source")
    named = typed(*words, "--init", str(given / "source"), "--names", "dog,cow", "--exist-ok")
    assert named.code == 0, named.err
    assert "which keeps 1 of 2 classes" in named.err
    spec, weights = load_folder(tmp_path / "b")
    assert spec.names == ("dog", "cow")
    assert weights is not None
    dog, cow = weights["head.scores.2.0.bias"]
    assert float(dog) == pytest.approx(float(torch.logit(torch.tensor(0.9))))
    assert float(cow) == pytest.approx(-4.595, abs=1e-3)
    others = typed(*words, "--init", str(given / "source"), "--names", "rat,pig", "--exist-ok")
    assert others.code == 0, others.err
    lines = (tmp_path / "b" / "inherited.csv").read_text().splitlines()
    of = {row["tensor"]: row for row in csv.DictReader(lines)}["head.scores.2.0.bias"]
    assert (of["origin"], of["source"], of["shape"], of["source_shape"]) == ("fresh", "", "2", "")


def test_a_detector_is_built_for_images_of_another_size(typed, given, tmp_path) -> None:
    source, out = str(given / "source"), str(tmp_path / "built")
    ran = typed("build-detector", source, "--init", source, "--input-size", "64x96", "--out", out)
    assert ran.code == 0, ran.err
    assert "has learned from" not in ran.err
    assert load_folder(Path(out))[0].backbone.in_shape == (3, 64, 96)
    again = typed("build-detector", out, "--init", source, "--out", out, "--exist-ok")
    assert again.code == 0, again.err
    assert "images are 64x96 pixels, but" in again.err
    odd = typed("build-detector", source, "--input-size", "65", "--out", str(tmp_path / "odd"))
    assert (odd.code, odd.err.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("words", "trained"),
    [
        (("SOURCE",), True),
        (("SOURCE", "--channels", "1"), True),
        (("SOURCE", "--resize", "stretch"), True),
        (("SOURCE", "--names", "dog,cat"), True),
        (("SOURCE", "--names", "dog,cow"), False),  # nothing has trained the class cow
        (("SOURCE", "--head", "one-to-one"), True),
        (("WIDE",), False),
        (("WIDE", "--channels", "1"), False),
    ],
)
def test_a_detector_counts_as_trained_if_it_gives_the_outputs_of_its_source(
    typed, given, tmp_path, words, trained
) -> None:
    source, out = str(given / "source"), tmp_path / "built"
    placed = [word.replace("SOURCE", source).replace("WIDE", str(given / "wide")) for word in words]
    ran = typed("build-detector", *placed, "--init", source, "--out", str(out))
    assert ran.code == 0, ran.err
    assert folder_is_trained(out) is trained
    assert folder_mapped_from(out) == (None if trained else source)


def test_a_detector_with_mapped_weights_says_so(typed, given, tmp_path) -> None:
    source, out = str(given / "source"), str(tmp_path / "built")
    built = typed("build-detector", str(given / "wide"), "--init", source, "--out", out)
    assert built.code == 0, built.err
    said = f"{out}: its weights were mapped from {source} and not trained since: "
    exported = typed("export", out, "--out", str(tmp_path / "file.onnx"))
    assert exported.code == 0, exported.err
    assert said + "the detections of the file may be wrong" in exported.err
    file = str(tmp_path / "file.onnx")
    write_data(tmp_path / "seen")
    detected = typed("detect", file, str(tmp_path / "seen" / "images" / "0.png"))
    assert detected.code == 0, detected.err
    assert f"{file}: its weights were mapped from {source} and not trained since" in detected.err
    assert "`maenas train` trains the detector that it was exported from" in detected.err
    detector = Detector(out)
    assert detector.untrained().startswith(said + "its detections may be wrong")
    saved = detector.save(tmp_path / "saved")
    assert folder_mapped_from(saved) == source
    again = typed("build-detector", str(given / "wide"), "--out", out, "--exist-ok")
    assert again.code == 0, again.err
    assert sorted(path.name for path in Path(out).iterdir()) == ["detector.yaml"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("WIDE", "--init", "WIDE"), "--init: WIDE has no weights; name a run of `maenas train`"),
        (("SOURCE", "--init", "SOURCE"), "--init: SOURCE has weights already; leave it out"),
        (("WIDE", "--init", "none"), "none"),
    ],
)
def test_a_source_that_cannot_be_inherited_from_is_one_line(
    typed, given, tmp_path, words, message
) -> None:
    def placed(text: str) -> str:
        for name in ("wide", "source"):
            text = text.replace(name.upper(), str(given / name))
        return text

    ran = typed(*train(given, tmp_path / "run", *map(placed, words)))
    assert ran.code == 2
    assert placed(message) in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "run").exists()
