"""`maenas distill`: a run with a teacher, exact continuation, teachers that are refused."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from maenas.detector.checkpoints.checkpoint import load_folder, save_folder
from maenas.detector.model.spec import DetectorSpec
from maenas.runs.models import find_teacher
from maenas.training.run import run_training
from maenas.training.setup import TrainOptions
from tests.lively import reading
from tests.small_detector import small_spec
from tests.trainings import write_data

CLASSES = ("cat", "cow")
SETTINGS = (
    *("--compute", "cpu", "--workers", "0", "--set", "compute.batch=2", "--set", "batch=2"),
    *("--set", "optimizer.name=adamw", "--set", "optimizer.lr=0.02"),
)


def spec_with(names: tuple[str, ...], width: int = 8) -> DetectorSpec:
    spec = small_spec("stretch")
    head = replace(spec.head, num_classes=len(names))
    neck = replace(spec.neck, out_channels=(width, width, width))
    return replace(spec, neck=neck, head=head, names=names)


def write_detector(folder: Path, spec: DetectorSpec) -> None:
    torch.manual_seed(0)
    save_folder(folder, spec, spec.build().state_dict())


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data/data.yaml`, a student, and a run whose best detector is the teacher."""
    folder = tmp_path_factory.mktemp("given")
    write_data(folder / "data", names=CLASSES)
    write_detector(folder / "student", spec_with(CLASSES))
    write_detector(folder / "teacher" / "best", spec_with(CLASSES, 16))
    write_detector(folder / "other" / "last", spec_with(("cat", "dog", "bird")))
    save_folder(folder / "untrained", spec_with(CLASSES), None)
    return folder


def options(given: Path, out: Path, epochs: int = 4, teacher: str = "teacher") -> list[str]:
    arguments = ["--teacher", str(given / teacher), "--data", str(given / "data" / "data.yaml")]
    where = ["--epochs", str(epochs), "--out", str(out)]
    return ["distill", str(given / "student"), *arguments, *where, *SETTINGS]


@pytest.mark.slow
def test_a_run_leaves_the_student_alone_and_the_curve_of_the_feature_loss(
    typed, given, tmp_path
) -> None:
    out = tmp_path / "run"
    ran = typed(*options(given, out), "--set", "distill.weight=2", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["teacher"] == str(given / "teacher" / "best")
    assert "cwd at weight 2 for 3 epochs, then 1 alone" in ran.err
    spec, weights = load_folder(out / "last")
    assert weights is not None
    assert weights.keys() == spec.build().state_dict().keys()
    assert "maenas distill, teacher" in (out / "last" / "detector.yaml").read_text()
    rows = list(csv.DictReader((out / "results.csv").read_text().splitlines()))
    assert [float(row["feature"]) > 0 for row in rows] == [True, True, True, False]
    assert (out / "results.png").stat().st_size > 0


@pytest.mark.slow
def test_interrupted_and_continued_it_ends_with_the_same_weights(
    typed, given, tmp_path, monkeypatch
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert typed(*options(given, whole)).code == 0
    from maenas.training.charts import Charts

    epoch = Charts.epoch

    def interrupting(self: Charts, event) -> None:
        epoch(self, event)
        if event.number == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Charts, "epoch", interrupting)
    assert typed(*options(given, killed)).code == 130
    monkeypatch.undo()
    ran = typed("distill", "--out", str(killed), "--resume", "--compute", "cpu", "--workers", "0")
    assert ran.code == 0, ran.err
    ours, theirs = (load_file(f / "last" / "weights.safetensors") for f in (killed, whole))
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []
    other = typed(
        *("distill", "--teacher", str(given / "student"), "--out", str(killed), "--resume"),
        *("--compute", "cpu"),
    )
    assert other.code == 2
    assert "was started with other teachers or none" in other.err


def test_a_plain_run_has_no_feature_loss_and_says_where_a_teacher_belongs(
    typed, given, tmp_path
) -> None:
    out = tmp_path / "run"
    changes = ("compute.batch=2", "batch=2")
    asked = TrainOptions(
        str(given / "student"), given / "data" / "data.yaml", 1, changes, "t-from-s"
    )
    result = run_training(asked, out, False, False, "cpu", 0)
    assert result is not None
    assert result.to_json()["teacher"] is None
    assert "feature" not in (out / "results.csv").read_text()
    assert "distill" not in (out / "args.yaml").read_text()
    plain = ("train", str(given / "student"), "--data", str(given / "data" / "data.yaml"))
    ran = typed(*plain, "--set", "distill.weight=2")
    assert ran.code == 2
    assert "needs a teacher; `maenas distill` takes one" in ran.err


@pytest.mark.parametrize(
    ("teacher", "message"),
    [
        ("other", "detects cat, dog, bird, the data have cat, cow; train it on the same classes"),
        ("untrained", "has no weights; train it first"),
        ("gone", "gone"),
    ],
)
def test_a_teacher_that_cannot_teach_is_refused_in_one_line(
    teacher, message, typed, given, tmp_path
) -> None:
    ran = typed(*options(given, tmp_path / "run", teacher=teacher))
    assert ran.code == 2
    assert message in ran.err
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_teacher_of_rgb_images_shows_a_grey_image_as_one_whose_channels_are_equal(given) -> None:
    levels = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)) * 255
    in_rgb = find_teacher(str(given / "teacher")).maps(levels.expand(-1, 3, -1, -1), "neck", (3, 5))
    in_grey = find_teacher(str(given / "teacher"), 1)
    in_grey.require_fit(reading(spec_with(CLASSES), 1), CLASSES)
    for ours, theirs in zip(in_grey.maps(levels, "neck", (3, 5)), in_rgb, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_mistakes_are_one_line(typed, given, tmp_path) -> None:
    data = str(given / "data" / "data.yaml")
    for words, message in (
        (("distill", str(given / "student"), "--data", data), "needs --teacher"),
        (("distill", "--teacher", str(given / "teacher")), "needs a detector and --data"),
        ((*options(given, tmp_path / "x"), "--teacher", "zoo:damo-yolo-s"), "has no weights"),
        ((*options(given, tmp_path / "x"), "--teacher", "gone"), "teacher gone: no such file"),
        ((*options(given, tmp_path / "x"), "--teacher", "t.onnx"), "teacher t.onnx: an exported"),
        ((*options(given, tmp_path / "x"), "--set", "distill.wight=1"), "did you mean weight?"),
        ((*options(given, tmp_path / "x"), "--recipe", "s-from-t"), "no scale 's-from-t'"),
    ):
        ran = typed(*words)
        assert ran.code == 2, (words, ran.err)
        assert message in ran.err, ran.err
        assert ran.err.count("\n") == 1, ran.err
