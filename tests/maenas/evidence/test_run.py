"""A run of `maenas judge`: trainings as tasks, resumed, and the files that it leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from math import isfinite, isnan
from pathlib import Path

import pytest

import maenas
from maenas.evidence.features import network_columns
from maenas.evidence.options import (
    OPTIONS_FILE,
    JudgeOptions,
    agreed,
    load_options,
    save_options,
)
from maenas.evidence.rows import proxy_columns
from maenas.evidence.run import begin, drawn, run_judge, tasks_of
from maenas.evidence.training import Trained, load_trained, save_trained, train_one
from maenas.evidence.trainings import TrainingEffort, placed
from maenas.nas.scores.gradient_proxies import SynFlow, Zen
from maenas.training.datasets import images_digest
from tests.maenas.evidence.test_draw import options  # noqa: F401 - a fixture
from tests.schemas import errors_in


def record(network: str, epochs: int, seed: int, ap: float) -> Trained:
    return Trained(network, epochs, seed, ap, 2 * ap, 0.5, "0", ((epochs, ap, 2 * ap),))


def test_tasks_are_short_and_long_of_each_network_then_second_seeds(options) -> None:  # noqa: F811
    asked = replace(options, networks=10, epochs=4, short_epochs=2, repeats=1)
    specs = [None] * 10  # no task looks into a spec
    names = [task.name for task in tasks_of(asked, specs)]  # type: ignore[arg-type]
    assert names[:3] == ["n000-e2-s0", "n000-e4-s0", "n001-e2-s0"]
    assert names[20:] == ["n000-e2-s1", "n000-e4-s1"]


@pytest.mark.slow  # draws a picture and many bootstrap samples
def test_a_run_that_is_resumed_trains_only_what_has_no_record(
    options,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained: list[str] = []

    def instead(task):  # type: ignore[no-untyped-def]
        if len(trained) == limit:
            return None
        trained.append(task.name)
        ap = 1e-7 * network_columns(task.spec.backbone)["params"]
        return record(task.network, task.epochs, task.seed, ap)

    monkeypatch.setattr("maenas.evidence.trainings.train_one", instead)
    asked = {
        "at": options.at,
        "data": options.data,
        "space": options.space,
        "template": "t",
        "input_size": 64,
        "networks": 12,
        "repeats": 11,
        "out": tmp_path / "run",
        "draws": 20,
    }
    limit = 5
    with pytest.raises(maenas.MaenasError, match="5 of 12 networks are trained"):
        maenas.judge(**asked)
    limit = 100
    with pytest.raises(maenas.MaenasError, match="networks is 12 in the run, 13 in the command"):
        maenas.judge(**{**asked, "networks": 13}, resume=True)
    verdict = maenas.judge(out=tmp_path / "run", resume=True, draws=20)
    assert len(trained) == len(set(trained)) == 23
    assert verdict.networks == 12
    first = verdict.agreements[0]
    assert (first.comparison, first.feature) == ("equal cost", "params")
    assert first.spearman.value == pytest.approx(1)
    assert verdict.seeds is not None
    assert verdict.seeds.value == pytest.approx(1)
    assert verdict.attainable is not None
    assert verdict.attainable.value == pytest.approx(1)
    run = tmp_path / "run"
    assert errors_in("judge-result", json.loads((run / "result.json").read_text())) == []
    assert maenas.judge(run / "networks.csv", draws=1).networks == 12
    assert (run / "judge.png").stat().st_size > 10_000
    assert (run / "trainings.csv").read_text().count("\n") == 24


@pytest.mark.slow
def test_a_wrong_change_of_the_recipe_is_refused_before_a_folder_keeps_it(
    options,  # noqa: F811
    tmp_path: Path,
) -> None:
    asked = {name: getattr(options, name) for name in ("at", "data", "space", "input_size")}
    with pytest.raises(maenas.MaenasError, match=r"optimizer\.rl: no such field; known"):
        maenas.judge(
            **asked, template="t", networks=12, changes=["optimizer.rl=1"], out=tmp_path / "run"
        )
    assert not (tmp_path / "run").exists()


def test_an_interrupted_run_leaves_the_table_of_what_is_trained(
    options,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def instead(task):  # type: ignore[no-untyped-def]
        if task.network == "n002":
            raise KeyboardInterrupt
        return record(task.network, task.epochs, task.seed, 0.25)

    monkeypatch.setattr("maenas.evidence.trainings.train_one", instead)
    asked = replace(options, proxies=("zen",))
    with pytest.raises(KeyboardInterrupt):
        run_judge(asked, tmp_path / "run", False, TrainingEffort(), ())
    header, *rows = (tmp_path / "run" / "networks.csv").read_text().splitlines()
    assert [row.split(",")[:2] for row in rows] == [["n000", "0.25"], ["n001", "0.25"]]
    assert "zen" not in header
    assert (tmp_path / "run" / "trainings.csv").read_text().count("\n") == 3


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = record("n001", 3, 0, 0.25)
    save_trained(tmp_path, made)
    assert load_trained(tmp_path, "n001-e3-s0") == made
    (tmp_path / "n001-e3-s0.json").write_text("{")
    with pytest.raises(maenas.MaenasError, match=r"n001-e3-s0\.json: is damaged"):
        load_trained(tmp_path, "n001-e3-s0")


@pytest.mark.slow  # a real training
def test_a_task_trains_and_removes_its_folder(options, tmp_path: Path) -> None:  # noqa: F811
    task = tasks_of(options, drawn(options))[0]
    short = replace(task, epochs=1, changes=("min_steps=1", "augmentation.mosaic=0"))
    for name in ("running", "trainings"):
        (tmp_path / "run" / name).mkdir(parents=True)
    found = train_one(placed(short, tmp_path / "run", TrainingEffort(compute="cpu")))
    assert found is not None
    assert found.curve[-1][0] == 1
    assert load_trained(tmp_path / "run" / "trainings", short.name) == found
    assert list((tmp_path / "run" / "running").iterdir()) == []
    assert train_one(replace(short, until=0.0)) is None


@pytest.mark.slow
def test_a_training_is_evaluated_four_times_unless_the_user_asks_otherwise(
    options,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr("maenas.training.run.run_training", lambda o, *_: asked.append(o.changes))
    monkeypatch.setattr(
        "maenas.evidence.training.training_rows",
        lambda _: [{"epoch": 8, "ap": 0.5, "ap50": 0.6, "train_s": 60.0}],
    )
    task = tasks_of(replace(options, changes=("evaluations=8",)), drawn(options))[0]
    (tmp_path / "trainings").mkdir()
    train_one(replace(task, folder=tmp_path))
    assert asked == [("evaluations=4", "evaluations=8", f"seed={task.seed}")]
    assert f"training {task.name}: {task.epochs} epochs, random seed {task.seed}" in caplog.text


@pytest.mark.slow
def test_a_resumed_run_takes_the_same_command_and_keeps_what_was_added(
    options,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(Path(options.data).parent)
    typed = replace(options, data=Path(options.data).name)
    more = replace(typed, repeats=3, proxies=("zen",))
    (tmp_path / "run").mkdir()
    begin(options, drawn(options), tmp_path / "run")
    saved = load_options(tmp_path / "run" / OPTIONS_FILE)
    assert agreed(typed, saved, ("at", "data")) == saved
    monkeypatch.setattr("maenas.evidence.run.train_all", lambda *_: [])
    with pytest.raises(maenas.MaenasError, match="0 of 12 networks are trained"):
        run_judge(more, tmp_path / "run", True, TrainingEffort(), ("at", "data", "repeats"))
    kept = load_options(tmp_path / "run" / OPTIONS_FILE)
    assert (kept.repeats, kept.proxies) == (3, ("zen",))


def damaged_space(judge: JudgeOptions) -> None:
    assert judge.space is not None
    Path(judge.space).write_text("damaged")


def another_box(judge: JudgeOptions) -> None:
    label = next(Path(judge.data).parent.rglob("*.txt"))
    label.write_text(f"{label.read_text()}0 0.5 0.5 0.25 0.25\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (damaged_space, r"small\.yaml: "),
        (another_box, r"judge\.yaml: was started with other images or labels"),
    ],
)
def test_what_has_changed_meanwhile_ends_a_resumed_run_before_it_trains(
    options,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[JudgeOptions], None],
    words: str,
) -> None:
    (tmp_path / "run").mkdir()
    began = replace(options, images=images_digest(Path(options.data)))
    begin(began, drawn(options), tmp_path / "run")
    change(options)
    monkeypatch.delattr("maenas.evidence.run.train_all")
    with pytest.raises(maenas.MaenasError, match=words):
        run_judge(options, tmp_path / "run", True, TrainingEffort(), ())


def test_a_height_and_a_width_are_kept_for_a_run_that_is_resumed(
    options,  # noqa: F811
    tmp_path: Path,
) -> None:
    wide = replace(options, input_size=(64, 128))
    save_options(wide, tmp_path)
    assert load_options(tmp_path / OPTIONS_FILE) == wide


@pytest.mark.slow
def test_the_published_score_on_random_networks_is_a_proxy(options) -> None:  # noqa: F811
    asked = replace(options, proxies=("max-entropy-forward",))
    [(column, value)] = proxy_columns("n000", drawn(asked)[0].backbone, asked).items()
    assert column == "score:max-entropy-forward"
    assert isfinite(value)


@pytest.mark.slow
def test_a_proxy_that_fails_is_named_and_ends_nothing(
    options,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked = replace(options, proxies=("zen", "synflow"))
    monkeypatch.setattr(Zen, "__call__", lambda *_: 1 / 0)
    found = proxy_columns("n007", drawn(asked)[0].backbone, asked)
    assert isnan(found["score:zen"])
    assert isfinite(found["score:synflow"])
    assert "zen fails for n007 and is not compared: division by zero" in caplog.text


@pytest.mark.slow
def test_a_proxy_is_a_column_and_an_unknown_one_is_refused(options) -> None:  # noqa: F811
    asked = replace(options, proxies=("synflow",))
    backbone = drawn(asked)[0].backbone
    assert proxy_columns("n000", backbone, asked) == {
        "score:synflow": SynFlow()(backbone, asked.seed)
    }
    with pytest.raises(maenas.MaenasError, match="proxy: no such score 'synflo'; did you mean syn"):
        replace(options, proxies=("synflo",))
