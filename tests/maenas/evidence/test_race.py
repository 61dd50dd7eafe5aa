"""A race: rounds of successive halving, their plan, and how it is resumed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import maenas
from maenas.blocks import SpecError
from maenas.detector.checkpoints.checkpoint import save_folder
from maenas.detector.train import Recipe
from maenas.evidence.race_options import RaceOptions, epochs_within, rounds_of
from maenas.evidence.table import read_table
from maenas.evidence.training import Trained, TrainingTask
from maenas.nas.executors import InProcess
from maenas.training.result import TrainResult
from tests.schemas import errors_in
from tests.small_detector import small_spec
from tests.trainings import write_data


@pytest.mark.parametrize(
    ("count", "epochs", "differ", "plan"),
    [
        (2, 16, False, [(2, 8), (1, 16)]),
        (3, 16, False, [(3, 4), (2, 8), (1, 16)]),
        (3, 16, True, [(3, 8), (2, 16), (1, 16)]),
        (5, 8, False, [(5, 1), (3, 2), (2, 4), (1, 8)]),
        (3, 1, False, [(3, 1), (1, 1)]),
        (9, 4, False, [(9, 1), (2, 2), (1, 4)]),
    ],
)
def test_rounds_halve_the_networks_and_double_the_epochs_where_these_differ(
    count: int, epochs: int, differ: bool, plan: list[tuple[int, int]]
) -> None:
    assert rounds_of(count, epochs, differ) == plan


def test_minutes_become_the_most_epochs_that_fit() -> None:
    # 3 x E/4 + 2 x E/2 + E epochs of a minute each: 3 + 4 + 4 for E = 4, 6 + 10 + 11 for E = 11,
    # 9 + 12 + 12 for E = 12
    assert epochs_within(11.0, [1.0] * 3, False) == 4
    assert epochs_within(29.0, [1.0] * 3, False) == 11
    # Two at a time, 2 x E/4 + E/2 + E. Where depths differ, 3 x E/2 + 2 x E, whose winner stays.
    assert epochs_within(8.0, [1.0] * 3, False, workers=2) == 4
    assert epochs_within(14.0, [1.0] * 3, True) == 4
    with pytest.raises(SpecError, match=r"take about 11\.0 minutes in all, more than --minutes 5"):
        epochs_within(5.0, [1.0] * 3, False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (RaceOptions(), "needs networks and --data"),
        (RaceOptions(sources=("a",), data="d"), "either --minutes or --epochs"),
        (RaceOptions(sources=("a",), data="d", epochs=3, minutes=2.0), "either --minutes or"),
    ],
)
def test_a_race_without_networks_or_length_is_refused(options: RaceOptions, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        options.require_start()


def networks(folder: Path) -> list[str]:
    """Three detectors that differ in their widths, as folders."""
    spec = small_spec()
    for number, width in enumerate((8, 16, 24)):
        wider = replace(spec, neck=replace(spec.neck, out_channels=(width,) * 3))
        save_folder(folder / f"w{number}", wider, None)
    return [str(folder / f"w{number}") for number in range(3)]


AP = {"w0": 0.1, "w1": 0.3, "w2": 0.2}  # AP of each network


def small_training(task: TrainingTask) -> Trained:
    """A record of a training, and for one that stays the files that its folder must have."""
    if task.keeps:
        assert task.folder is not None
        out = task.folder / "running" / task.name / "training"
        save_folder(out / "best", task.spec, None)
        (out / "args.yaml").write_text(
            "format: maenas/train@1\ndetector: gone\ndata: d\nrecipe: {epochs: 8}\n"
        )
        (out / "results.csv").write_text("epoch,ap,ap50\n8,0.4,0.5\n")
        (out / "resume.pt").write_text(task.name, encoding="utf-8")
    ap = AP[task.network]
    return Trained(task.network, task.epochs, task.seed, ap, ap, 0.1, "0", ((1, ap, ap),))


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Trainings that take no time; the list fills with their names."""
    names: list[str] = []

    def instead(task: TrainingTask) -> Trained:
        names.append(task.name)
        return small_training(task)

    def resumed(options: Any, out: Path, *rest: object) -> TrainResult:
        assert rest[0]
        assert (out / "resume.pt").exists()
        return TrainResult(out, Path("d"), None, None, out, 8, 0.4, 0.5, 8, 0.4, 1.0, 0, 1.0)

    monkeypatch.setattr("maenas.evidence.trainings.train_one", instead)
    monkeypatch.setattr("maenas.evidence.training.train_one", instead)
    monkeypatch.setattr("maenas.evidence.race.run_training", resumed)
    monkeypatch.setattr("maenas.evidence.race.kept_recipe", lambda _: Recipe(epochs=8))
    monkeypatch.setattr(
        "maenas.evidence.race.write_final_evaluation",
        lambda run, *_: (run / "results.html").write_text("page", encoding="utf-8"),
    )
    return names


def test_the_better_half_goes_on_and_the_winner_to_the_end(
    tmp_path: Path, trained: list[str]
) -> None:
    data = write_data(tmp_path / "data")
    found = maenas.race(networks(tmp_path), data, epochs=8, out=tmp_path / "race")
    assert trained == ["w0-e2-s0", "w1-e2-s0", "w2-e2-s0", "w1-e4-s0", "w2-e4-s0", "w1-e8-s0"]
    assert found.winner == "w1"
    result = json.loads((tmp_path / "race" / "result.json").read_text(encoding="utf-8"))
    assert errors_in("race-result", result) == []
    trained.clear()
    maenas.race(out=tmp_path / "race", resume=True)
    assert trained == []
    with pytest.raises(maenas.MaenasError, match="epochs is 8 in the run, 9 in the command"):
        maenas.race(epochs=9, out=tmp_path / "race", resume=True)


def test_a_winner_whose_last_round_had_the_full_length_is_not_trained_again(
    tmp_path: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maenas.evidence.race.depths_differ", lambda _: True)
    data = write_data(tmp_path / "data")
    maenas.race(networks(tmp_path), data, epochs=8, out=tmp_path / "race")
    assert trained == ["w0-e4-s0", "w1-e4-s0", "w2-e4-s0", "w1-e8-s0", "w2-e8-s0"]
    assert (tmp_path / "race" / "winner" / "resume.pt").read_text(encoding="utf-8") == "w1-e8-s0"
    assert not (tmp_path / "race" / "running").exists()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str | None]]:
    """Workers and cluster of each executor that trainings open; they run in this process."""
    found: list[tuple[int, str | None]] = []

    def executor(*asked: Any) -> InProcess:
        found.append(asked)
        return InProcess()

    monkeypatch.setattr("maenas.evidence.trainings.opened_executor", executor)
    return found


@pytest.mark.parametrize("differ", [False, True])
def test_on_a_cluster_the_winner_is_a_task_whose_files_come_back(
    tmp_path: Path,
    trained: list[str],
    opened: list[tuple[int, str | None]],
    monkeypatch: pytest.MonkeyPatch,
    differ: bool,
) -> None:
    monkeypatch.setattr("maenas.evidence.race.depths_differ", lambda _: differ)
    data, out = write_data(tmp_path / "data"), tmp_path / "race"
    maenas.race(networks(tmp_path), data, epochs=8, out=out, workers=2, ray="local")
    assert set(opened) == {(2, "local")}
    assert trained.count("w1-e8-s0") == 1
    kept = {path.name for path in (out / "winner").iterdir()}
    assert kept == {"args.yaml", "best", "card.md", "results.csv", "results.html", "resume.pt"}
    assert not (out / "running").exists()


def test_the_winner_on_this_machine_is_trained_with_all_cores(
    tmp_path: Path, trained: list[str], opened: list[tuple[int, str | None]]
) -> None:
    data = write_data(tmp_path / "data")
    maenas.race(networks(tmp_path), data, epochs=8, out=tmp_path / "race", workers=2)
    assert opened == [(2, None), (2, None), (1, None)]


def test_the_card_of_a_winner_names_folders_that_are_there(
    tmp_path: Path, trained: list[str]
) -> None:
    data, out = write_data(tmp_path / "data"), tmp_path / "race"
    maenas.race(networks(tmp_path), data, epochs=8, out=out)
    card = (out / "winner" / "card.md").read_text(encoding="utf-8")
    assert f"maenas detect {out / 'winner'} IMAGES" in card
    assert f"random weights (`{out / 'detectors' / 'w1'}`)" in card


def test_the_winner_names_its_data_from_its_own_folder(
    tmp_path: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_data(Path("data"))
    maenas.race(networks(Path()), "data/data.yaml", epochs=8, out=Path("race"))
    assert "`data/data.yaml`" in Path("race/winner/card.md").read_text(encoding="utf-8")
    kept = yaml.safe_load(Path("race/winner/args.yaml").read_text(encoding="utf-8"))
    assert (kept["data"], kept["detector"]) == ("../../data/data.yaml", "../detectors/w1")


def test_a_record_without_the_training_that_should_stay_is_made_again(
    tmp_path: Path, trained: list[str]
) -> None:
    data, out = write_data(tmp_path / "data"), tmp_path / "race"
    maenas.race(networks(tmp_path), data, epochs=8, out=out)
    shutil.rmtree(out / "winner")
    trained.clear()
    maenas.race(out=out, resume=True)
    assert trained == ["w1-e8-s0"]


def test_a_race_leaves_the_tables_that_judge_and_calibrate_score_read(
    tmp_path: Path, trained: list[str]
) -> None:
    data = write_data(tmp_path / "data")
    maenas.race(networks(tmp_path), data, epochs=8, out=tmp_path / "race")
    table = read_table(tmp_path / "race" / "networks.csv")
    assert [*table["acc"]] == [0.1, 0.3, 0.2]
    assert np.ptp(table["macs"]) > 0
    lines = (tmp_path / "race" / "trainings.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 3 + 2 + 1


def test_an_interrupted_race_leaves_the_tables_of_what_is_trained(
    tmp_path: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def instead(task: TrainingTask) -> Trained:
        if task.epochs == 4:
            raise KeyboardInterrupt
        return small_training(task)

    monkeypatch.setattr("maenas.evidence.trainings.train_one", instead)
    data = write_data(tmp_path / "data")
    with pytest.raises(KeyboardInterrupt):
        maenas.race(networks(tmp_path), data, epochs=8, out=tmp_path / "race")
    assert [*read_table(tmp_path / "race" / "networks.csv")["acc"]] == [0.1, 0.3, 0.2]
    lines = (tmp_path / "race" / "trainings.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 3


def test_equal_results_are_told_apart_by_name_and_say_so(
    tmp_path: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(
        "maenas.evidence.trainings.train_one",
        lambda task: replace(small_training(task), ap=0.0, ap50=0.0),
    )
    data = write_data(tmp_path / "data")
    assert maenas.race(networks(tmp_path), data, epochs=8, out=tmp_path / "race").winner == "w0"
    assert "AP and AP50 of w1 and w2 are equal, so their names decide" in caplog.text


def test_minutes_time_an_epoch_of_each_network_first(tmp_path: Path, trained: list[str]) -> None:
    data = write_data(tmp_path / "data")
    found = maenas.race(networks(tmp_path), data, minutes=3.0, out=tmp_path / "race")
    assert trained[:3] == ["w0-e1-s0", "w1-e1-s0", "w2-e1-s0"]
    assert found.epochs == epochs_within(3.0, [0.125] * 3, False)


def test_a_race_with_too_few_minutes_goes_on_with_more(tmp_path: Path, trained: list[str]) -> None:
    data = write_data(tmp_path / "data")
    with pytest.raises(maenas.MaenasError, match="more than --minutes 1"):
        maenas.race(networks(tmp_path), data, minutes=1.0, out=tmp_path / "race")
    found = maenas.race(minutes=3.0, out=tmp_path / "race", resume=True)
    assert found.epochs > 4
    assert trained.count("w0-e1-s0") == 1


def test_a_race_is_not_continued_on_other_images(tmp_path: Path, trained: list[str]) -> None:
    data = write_data(tmp_path / "data")
    with pytest.raises(maenas.MaenasError, match="more than --minutes 1"):
        maenas.race(networks(tmp_path), data, minutes=1.0, out=tmp_path / "race")
    label = next((tmp_path / "data").rglob("*.txt"))
    label.write_text(f"{label.read_text()}0 0.5 0.5 0.25 0.25\n")
    with pytest.raises(maenas.MaenasError, match=r"race\.yaml: was started with other images or"):
        maenas.race(minutes=3.0, out=tmp_path / "race", resume=True)


def test_one_network_twice_is_no_race(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    one = networks(tmp_path)[0]
    with pytest.raises(maenas.MaenasError, match="at least two different networks, got 1"):
        maenas.race([one, one], data, epochs=4, out=tmp_path / "race")
    assert not (tmp_path / "race").exists()


def test_val_without_an_object_is_refused_before_a_folder_is_made(tmp_path: Path) -> None:
    data, out = write_data(tmp_path / "data"), tmp_path / "race"
    shutil.copytree(tmp_path / "data" / "images", tmp_path / "data" / "background")
    data.write_text(data.read_text().replace("val: images", "val: background"))
    with pytest.raises(maenas.MaenasError, match=r"val: none of \d images has an object"):
        maenas.race(networks(tmp_path), data, epochs=4, out=out)
    assert not out.exists()


def test_a_wrong_change_of_the_recipe_is_refused_before_a_folder_keeps_it(tmp_path: Path) -> None:
    data, out = write_data(tmp_path / "data"), tmp_path / "race"
    with pytest.raises(maenas.MaenasError, match=r"optimizer\.rl: no such field; known"):
        maenas.race(networks(tmp_path), data, epochs=4, changes=["optimizer.rl=1"], out=out)
    with pytest.raises(maenas.MaenasError, match="no scale 'tiny'"):
        maenas.race(networks(tmp_path), data, epochs=4, recipe="tiny", out=out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("resume", "words"),
    [(maenas.race, "holds no race to continue"), (maenas.judge, "holds no run to continue")],
)
def test_a_resumed_folder_without_a_run_is_named(
    tmp_path: Path, resume: Callable[..., object], words: str
) -> None:
    with pytest.raises(SpecError, match=f"--data.*; {tmp_path / 'none'} {words}"):
        resume(out=tmp_path / "none", resume=True)
