"""The page of a training holds one evaluation of the best detector, after the last epoch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import maenas
from maenas.detection.evaluate import evaluated
from maenas.detector.checkpoints.checkpoint import load_folder, save_folder
from maenas.evidence.training import TrainingTask, train_one
from maenas.report.saved import sections_of
from maenas.training.evaluator import copy_final_evaluation, has_evaluation
from tests.small_detector import small_spec
from tests.trainings import FixedAp, write_data

EVALUATED = "maenas.training.evaluator.evaluated"
SECTIONS = ["summary", "training", "curves", "sizes", "confusion"]
CHANGES = ("compute.batch=2", "batch=2", "optimizer.name=adamw", "optimizer.lr=0.02")


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder with a data set and a detector."""
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path / "data", names=("cat", "cow"))
    spec = small_spec("stretch")
    save_folder(tmp_path / "start", spec, spec.build().state_dict())
    return tmp_path


@pytest.fixture
def evaluations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models that were evaluated for a page."""
    models: list[str] = []

    def counted(detector: Any, *rest: Any, **options: Any) -> Any:
        models.append(detector.name)
        return evaluated(detector, *rest, **options)

    monkeypatch.setattr(EVALUATED, counted)
    return models


def train(out: str, **options: Any) -> None:
    options = {"epochs": 1, "changes": CHANGES} | options
    maenas.train("start", "data", out=out, compute="cpu", workers=0, **options)


def anchors(run: str) -> list[str]:
    """The sections of the page of a run, without the worst images, which not every run has."""
    found = [each.anchor for each in sections_of(Path(run) / "results.html")]
    return [each for each in found if each != "worst"]


@pytest.mark.usefixtures("given")
def test_a_training_ends_with_one_evaluation_that_its_page_holds(evaluations: list[str]) -> None:
    train("run")
    assert evaluations == ["run"]
    assert anchors("run") == SECTIONS
    assert "maenas val run" not in Path("run/results.html").read_text("utf-8")
    assert not Path("run/worst").exists()
    maenas.train(out="run", resume=True, compute="cpu")
    assert evaluations == ["run"]


@pytest.mark.usefixtures("given")
def test_a_training_that_is_killed_in_the_evaluation_does_only_that_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def killed(*rest: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(EVALUATED, killed)
        with pytest.raises(KeyboardInterrupt):
            train("run")
    weights = Path("run/last/weights.safetensors")
    before = weights.stat().st_mtime_ns
    assert anchors("run") == ["training"]
    maenas.train(out="run", resume=True, compute="cpu")
    assert anchors("run") == SECTIONS
    assert weights.stat().st_mtime_ns == before


@pytest.mark.usefixtures("given")
def test_a_training_that_patience_ends_early_has_the_page(
    evaluations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maenas.training.run.evaluator", lambda *rest: lambda network: FixedAp(0.5))
    train("run", epochs=12, patience=1)
    assert len(Path("run/results.csv").read_text("utf-8").splitlines()) < 12
    assert evaluations == ["run"]
    assert anchors("run") == SECTIONS


@pytest.mark.slow
@pytest.mark.usefixtures("given")
def test_a_new_training_in_the_folder_removes_the_page_of_the_old_one() -> None:
    train("run")
    data = Path("data/data.yaml")
    data.write_text(data.read_text("utf-8").replace("val: images\n", ""), "utf-8")
    train("run", exist_ok=True)
    assert anchors("run") == ["training"]
    assert "maenas val run" in Path("run/results.html").read_text("utf-8")


def test_the_trainings_of_a_judgement_or_race_have_no_page(
    given: Path, evaluations: list[str]
) -> None:
    spec, data = load_folder(given / "start")[0], given / "data"
    (given / "trainings").mkdir()
    train_one(TrainingTask("n", spec, data, 1, 0, None, CHANGES, given, keeps=True, loaders=0))
    (table,) = given.rglob("results.csv")
    assert not has_evaluation(table.parent)
    assert evaluations == []


@pytest.mark.slow
@pytest.mark.usefixtures("given")
def test_a_race_evaluates_its_winner_once_and_no_other_training(
    evaluations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maenas.evidence.race.depths_differ", lambda _: True)
    spec = small_spec("stretch")
    for width in (8, 16):
        wider = replace(spec, neck=replace(spec.neck, out_channels=(width,) * 3))
        save_folder(Path(f"w{width}"), wider, None)
    asked: dict[str, Any] = {"epochs": 1, "changes": CHANGES, "compute": "cpu", "out": "race"}
    maenas.race(["w8", "w16"], "data", **asked)
    assert evaluations == ["race/winner"]
    assert anchors("race/winner") == SECTIONS
    maenas.race(out="race", resume=True)
    assert evaluations == ["race/winner"]


@pytest.mark.usefixtures("given")
def test_a_training_without_its_page_evaluates_nothing_for_it(evaluations: list[str]) -> None:
    train("run", skip_final_evaluation=True)
    assert evaluations == []
    assert anchors("run") == ["training"]
    assert "maenas val run" in Path("run/results.html").read_text("utf-8")
    maenas.train(out="run", resume=True, compute="cpu")
    assert evaluations == []


@pytest.mark.usefixtures("given")
def test_a_training_takes_the_page_of_a_later_evaluation() -> None:
    train("run", skip_final_evaluation=True)
    maenas.val("run", "data", out="val")
    copy_final_evaluation(Path("val"), Path("run"))
    assert anchors("run") == SECTIONS
    taken, made = (
        {each.anchor: each for each in sections_of(Path(folder) / "results.html")}
        for folder in ("run", "val")
    )
    assert taken["curves"] == made["curves"]
    assert taken["summary"].body == made["summary"].body
