"""`maenas train-family`: the largest learns alone, each smaller one from the next larger."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
import yaml

from maenas.blocks import SpecError, load_backbone
from maenas.blocks.backbone_file import dump_backbone
from maenas.detector.checkpoints.checkpoint import load_folder, save_folder
from maenas.detector.errors import TrainError
from maenas.training.family import (
    Family,
    begin,
    built,
    continued,
    name_of,
    require_plan,
    train_members,
)
from maenas.training.setup import TrainOptions
from tests.schemas import errors_in
from tests.small_detector import NAMES, SIDE, small_spec
from tests.trainings import write_data

SETTINGS = (
    *("--compute", "cpu", "--workers", "0", "--set", "compute.batch=2", "--set", "batch=2"),
    *("--set", "optimizer.name=adamw", "--set", "optimizer.lr=0.02"),
)
WIDTHS = {"small": 8, "middle": 16, "large": 32}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data/data.yaml` and a search's run with three members."""
    folder = tmp_path_factory.mktemp("given")
    write_data(folder / "data", names=NAMES)
    (folder / "search" / "pareto").mkdir(parents=True)
    for name, width in WIDTHS.items():
        backbone = small_spec().backbone
        wider = replace(backbone.stages[-1], out_channels=width)
        backbone = replace(backbone, stages=(*backbone.stages[:-1], wider))
        dump_backbone(backbone, folder / "search" / "pareto" / f"{name}.yaml")
    return folder


def options(given: Path, out: Path, *changed: str) -> list[str]:
    data = str(given / "data" / "data.yaml")
    words = ["train-family", str(given / "search"), "--data", data, "--epochs", "1"]
    return [*words, "--out", str(out), *SETTINGS, *changed]


@pytest.fixture(scope="module")
def finished(maenas, given, tmp_path_factory):
    out = tmp_path_factory.mktemp("finished") / "family"
    words = ("--set", "distill.weight=2", "--inherit", "--json")
    ran = maenas(*options(given, out, *words), cwd=out.parent)
    return ran, out


@pytest.mark.slow
def test_each_member_is_taught_by_the_next_larger_one(finished) -> None:
    ran, out = finished
    members = ran.json["members"]
    assert [row["name"] for row in members] == ["large", "middle", "small"]
    assert [row["teacher"] for row in members] == [None, "large", "middle"]
    times = [row["latency_ms"] for row in members]
    assert times == sorted(times, reverse=True)
    for row in members:
        assert load_folder(Path(row["detector"]))[1] is not None
        args = yaml.safe_load((out / row["name"] / "args.yaml").read_text())
        if row["teacher"] is None:
            assert "teacher" not in args
            assert "init" not in args
        else:
            assert Path(args["init"]) == out / row["teacher"]
            assert (out / row["name"] / "inherited.csv").exists()
            assert Path(args["teacher"]).parent == out / row["teacher"]
            assert args["recipe"]["distill"]["weight"] == 2
    assert json.loads((out / "result.json").read_text()) == ran.json
    assert errors_in("family-result", ran.json) == []
    assert errors_in("family", yaml.safe_load((out / "family.yaml").read_text())) == []
    assert (out / "family.png").stat().st_size > 0


@pytest.mark.slow
def test_a_family_is_continued_without_another_word(finished, typed) -> None:
    ran, out = finished
    state = out / "middle" / "resume.pt"
    before = state.read_bytes()
    shutil.rmtree(out / "small")  # as if killed before the last member was begun
    again = typed("train-family", "--out", str(out), "--resume", "--compute", "cpu", "--json")
    assert again.code == 0, again.err
    assert again.json == ran.json
    assert state.read_bytes() == before


@pytest.mark.slow
def test_the_table_is_for_people(finished, typed) -> None:
    _, out = finished
    shown = typed("train-family", "--out", str(out), "--resume", "--compute", "cpu")
    assert shown.code == 0, shown.err
    for word in ("large", "middle", "small", "taught by", "none", "family.png"):
        assert word in shown.words


@pytest.mark.slow
def test_mistakes_are_one_line(typed, given, finished, tmp_path, monkeypatch) -> None:
    data, out = str(given / "data" / "data.yaml"), str(finished[1])
    alone = str(given / "search" / "pareto" / "small.yaml")
    for words, message in (
        (("train-family", "--data", data), "needs specs and --data"),
        (("train-family", str(given / "search")), "needs specs and --data"),
        (("train-family", alone, "--data", data), "at least two different members, got 1"),
        (("train-family", alone, alone, "--data", data), "is the same as another member"),
        (("train-family", "gone", "--data", data), "gone"),
        (("train-family", "--resume"), "runs/family/exp: there is no family to continue"),
        (("train-family", "--resume", "--out", "none"), "none: there is no family to continue"),
        (
            ("train-family", "--resume", "--out", out, "--epochs", "9"),
            "epochs is 1 in the run, 9 in the command",
        ),
        (
            options(given, finished[1]),
            "is not empty; --resume continues the run in it, --out names another",
        ),
        (options(given, tmp_path / "x", "--device", "t5"), "t5"),
    ):
        ran = typed(*words)
        assert ran.code == 2, (words, ran.err)
        assert message in ran.err, ran.err
    assert not (tmp_path / "x").exists()
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "runs in one process" in typed(*options(given, tmp_path / "x")).err


@pytest.mark.parametrize(
    ("states_it", "started", "resumed", "inherits"),
    [
        (True, True, False, True),
        (True, True, True, True),
        (True, False, False, False),
        (False, True, False, False),  # of an earlier version, whose file did not state it
        (False, True, True, True),
    ],
)
def test_a_resumed_family_starts_the_rest_from_the_weights_it_began_with(
    given, tmp_path, monkeypatch, states_it, started, resumed, inherits
) -> None:
    begun: list[TrainOptions] = []

    def ended_after_the_largest(options: TrainOptions, out: Path, *_: object, **__: object) -> Mock:
        begun.append(options)
        if out.name != "large":
            raise TrainError("killed")
        return Mock()

    monkeypatch.setattr("maenas.training.family.run_training", ended_after_the_largest)
    out, data = tmp_path / "family", given / "data" / "data.yaml"
    family = Family((str(given / "search"),), data, inherit=started)
    with pytest.raises(TrainError, match="killed"):
        train_members(family, out, False, "cpu", 0)
    if not states_it:
        kept = yaml.safe_load((out / "family.yaml").read_text())
        del kept["inherit"]
        (out / "family.yaml").write_text(yaml.safe_dump(kept))
    begun.clear()
    with pytest.raises(TrainError, match="killed"):
        train_members(Family(inherit=resumed), out, True, "cpu", 0)
    expected = str(out / "large") if inherits else None
    assert [options.init for options in begun] == [None, expected]
    assert begun[1].teacher == str(out / "large")


@pytest.mark.parametrize("change", ["optimizer.rl=1", "distill.wait=1"])
def test_a_wrong_change_of_the_recipe_is_refused_before_a_folder_keeps_it(
    given, tmp_path, change
) -> None:
    data, out = given / "data" / "data.yaml", tmp_path / "family"
    family = Family((str(given / "search"),), data, changes=(change,))
    with pytest.raises(SpecError, match=f"{change.partition('=')[0]}: no such field"):
        train_members(family, out, False, "cpu", 0)
    assert not out.exists()


def test_a_teacher_that_does_not_fit_is_refused_before_the_first_training(given, tmp_path) -> None:
    """A grey detector cannot teach one of images in colour; the other way round is possible."""
    searched = given / "search" / "pareto"
    backbone = load_backbone(searched / "large.yaml")
    grey, out = tmp_path / "grey.yaml", tmp_path / "family"
    dump_backbone(replace(backbone, in_shape=(1, *backbone.in_shape[1:])), grey)
    data = given / "data" / "data.yaml"
    family = Family((str(grey), str(searched / "small.yaml")), data)
    with pytest.raises(TrainError, match="grey of small: reads grey images, the student RGB ones"):
        train_members(family, out, False, "cpu", 0)
    assert not out.exists()


def test_a_teacher_of_images_in_colour_may_have_a_grey_student(given) -> None:
    backbone = load_backbone(given / "search" / "pareto" / "small.yaml")
    grey = replace(backbone, in_shape=(1, *backbone.in_shape[1:]))
    family = Family((str(given / "search"),), given / "data" / "data.yaml")
    _, members = built(family, NAMES)
    large, small = members[0], members[-1]
    student = replace(small, spec=replace(small.spec, backbone=grey))
    require_plan(family, [large, student])
    with pytest.raises(TrainError, match="reads grey images"):
        require_plan(family, [student, large])


def test_a_family_that_began_without_inherited_weights_cannot_inherit_later(
    given, tmp_path
) -> None:
    family = Family((str(given / "search"),), given / "data" / "data.yaml")
    begin(family, (), tmp_path)
    with pytest.raises(TrainError, match="inherit is False in the run, True in the command"):
        continued(Family(inherit=True), tmp_path)


def test_the_size_of_the_image_is_that_of_every_member(given) -> None:
    family = Family((str(given / "search"),), given / "data" / "data.yaml", input_size=2 * SIDE)
    _, members = built(family, ("red",))
    assert {member.spec.backbone.in_shape for member in members} == {(3, 2 * SIDE, 2 * SIDE)}


def test_a_member_that_is_a_detector_keeps_its_way_of_resizing_images(given, tmp_path) -> None:
    save_folder(tmp_path / "stretching", small_spec("stretch"), None)
    boxed = given / "search" / "pareto" / "large.yaml"
    _, members = built(Family((str(tmp_path / "stretching"), str(boxed))), ("red",))
    found = {member.name: member.spec.resize for member in members}
    assert found == {"large": "letterbox", "stretching": "stretch"}


@pytest.mark.parametrize("size", [(SIDE, 2 * SIDE), 2 * SIDE])
def test_a_family_is_continued_with_the_size_that_it_began_with(
    given, tmp_path, size: int | tuple[int, int]
) -> None:
    from maenas.training.family import FAMILY_FILE, Family, begin, continued, kept_family

    data = given / "data" / "data.yaml"
    family = Family((str(given / "search"),), data, input_size=size)
    begin(family, (), tmp_path)
    assert kept_family(tmp_path / FAMILY_FILE).input_size == size
    assert errors_in("family", yaml.safe_load((tmp_path / FAMILY_FILE).read_text())) == []
    assert continued(Family(input_size=size), tmp_path).input_size == size


def test_a_family_is_continued_from_another_folder_with_its_table(
    given, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    family = Family((str(given / "search"),), given / "data" / "data.yaml", device="lab.json")
    begin(family, (), tmp_path)
    monkeypatch.chdir(given)
    table = os.path.relpath(tmp_path / "lab.json")
    assert continued(Family(), tmp_path).device == table
    for typed in (table, str(tmp_path / "lab.json")):
        assert continued(Family(device=typed), tmp_path).device == table
    with pytest.raises(TrainError, match=r"device is .*lab\.json in the run, "):
        continued(Family(device="lab.json"), tmp_path)


def test_the_command_takes_height_and_width(given, typed, monkeypatch) -> None:
    asked = []

    def stopped(family, *others):
        asked.append(family)
        raise KeyboardInterrupt

    monkeypatch.setattr("maenas.training.family.train_members", stopped)
    typed("train-family", str(given / "search"), "--data", "data", "--input-size", "64x320")
    assert asked[0].input_size == (64, 320)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("zoo:damo-yolo-t", "damo-yolo-t"),
        ("runs/search/exp/pareto/2ms.yaml", "2ms"),
        ("some/detector/detector.yaml", "detector"),
        ("some/detector/", "detector"),
        (".", "here"),
        ("..", "above"),
        ("detector.yaml", "here"),
        ("../..", None),
        ("/", "root"),
    ],
)
def test_the_folder_of_a_member_lies_in_that_of_the_family(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, name: str | None
) -> None:
    (tmp_path / "above" / "here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "above" / "here")
    found = name_of(source)
    assert found == (tmp_path.name if name is None else name)
    assert (tmp_path / found).parent == tmp_path
