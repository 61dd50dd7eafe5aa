"""Several spaces and devices in one command: a run each, one report over all of them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from maenas.backbone_search.sweep import every
from maenas.runs.config import SearchConfig
from tests.maenas.conftest import SMALL_SPACE, Shell

OPTIONS = (
    *("search", "--template", "t", "--input-size", "64", "--weights", "1,1,2,4"),
    *("--evaluations", "400", "--finalists", "0"),
)
BUDGET = ("--budget", "100MMACs")
SPACES = ("--space", "small.yaml", "--space", "wide.yaml")
DEVICES = ("--device", "t4", "--device", "intel-8163")
NAMES = ["small", "wide"]
Files = Callable[[Path], dict[str, bytes]]


def write_spaces(folder: Path) -> None:
    (folder / "small.yaml").write_text(SMALL_SPACE)
    (folder / "wide.yaml").write_text(SMALL_SPACE.replace("max: 32, step: 8", "max: 64, step: 8"))


@pytest.fixture
def spaces(tmp_path: Path) -> Path:
    """Two spaces where `typed` runs."""
    write_spaces(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def several(maenas: Shell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the spaces and, as `run`, what two searches leave; only to be read."""
    folder = tmp_path_factory.mktemp("several")
    write_spaces(folder)
    told = maenas(*OPTIONS, *BUDGET, *SPACES, "--out", "run", "--json", cwd=folder)
    assert told.json == json.loads((folder / "run" / "result.json").read_text("utf-8"))
    return folder


@pytest.fixture
def begun(several: Path, spaces: Path) -> Path:
    """A copy of it where `typed` runs."""
    shutil.copytree(several / "run", spaces / "run")
    return spaces / "run"


def test_every_space_is_searched_on_every_device() -> None:
    config = SearchConfig(budgets=("3ms",))
    named = every(config, ["res", "folder/own.yaml"], ["t4", "folder/mine.json"])
    assert list(named) == ["res-t4", "res-mine", "own-t4", "own-mine"]
    assert (named["own-t4"].space, named["own-t4"].device) == ("folder/own.yaml", "t4")
    assert list(every(config, ["res", "csp"], [None])) == ["res", "csp"]
    assert list(every(config, [None], ["t4", "cpu"])) == ["t4", "cpu"]


@pytest.mark.slow
def test_each_search_has_a_folder_of_its_own(several: Path) -> None:
    told = json.loads((several / "run" / "result.json").read_text("utf-8"))
    assert [entry["name"] for entry in told["searches"]] == NAMES
    for entry in told["searches"]:
        result = entry["result"]
        assert result["space"] == entry["name"]
        assert result["spec"] == f"run/{entry['name']}/best.yaml"
        assert (several / result["spec"]).is_file()


def test_each_run_is_the_one_that_its_own_command_leaves(
    several: Path, typed: Shell, spaces: Path, files_below: Files
) -> None:
    typed(*OPTIONS, *BUDGET, "--space", "wide.yaml", "--out", "alone")
    alone, among = files_below(spaces / "alone"), files_below(several / "run" / "wide")
    assert alone.keys() == among.keys()
    for name in alone.keys() - {"result.json", "report.html"}:  # these say how long it took
        ours = alone[name]
        if name == "config.yaml":  # it names files by their paths from its own folder
            ours = ours.replace(b"space: ../wide.yaml", b"space: ../../wide.yaml")
        assert ours == among[name], name


@pytest.mark.slow
def test_workers_search_at_once_and_find_the_same(
    several: Path, maenas: Shell, spaces: Path, files_below: Files
) -> None:
    maenas(*OPTIONS, *BUDGET, *SPACES, "--workers", 2, "--out", "run", cwd=spaces)
    ours, theirs = files_below(spaces / "run"), files_below(several / "run")
    assert ours.keys() == theirs.keys()
    for name in ours:
        if not name.endswith(("result.json", "report.html")):
            assert ours[name] == theirs[name], name


def test_the_table_has_a_line_for_each(begun: Path, typed: Shell) -> None:
    ran = typed("search", "--resume", "--out", "run")
    for name in NAMES:
        assert re.search(rf"{name} +t +0\.100 GMACs", ran.out)
    assert "report: run/report.html" in ran.out


def test_the_report_has_all_and_needs_no_network(several: Path) -> None:
    report = (several / "run" / "report.html").read_text("utf-8")
    for name in NAMES:
        assert f'<a href="{name}/report.html">' in report
    assert "default-src 'none'" in report
    assert (several / "run" / "searches.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_finished_is_kept_and_the_rest_is_done(
    begun: Path, typed: Shell, several: Path, files_below: Files
) -> None:
    shutil.rmtree(begun / "wide")
    (begun / "wide").mkdir()
    shutil.copy(several / "run" / "wide" / "config.yaml", begun / "wide")
    kept = (begun / "small" / "result.json").stat().st_mtime_ns
    ran = typed(*OPTIONS, *BUDGET, *SPACES, "--resume", "--out", "run")
    assert ran.code == 0
    assert (begun / "small" / "result.json").stat().st_mtime_ns == kept
    ours, theirs = files_below(begun), files_below(several / "run")
    assert ours.keys() == theirs.keys()
    for name in ours:
        if not name.endswith(("result.json", "report.html")):
            assert ours[name] == theirs[name], name


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (("--space", "small.yaml", "--space", "small.yaml"), "small is given twice"),
        (
            (*SPACES, "--seed", "1", "--resume", "--out", "run"),
            "seed is 0 in the run, 1 in the command",
        ),
        ((*DEVICES, "--resume", "--out", "run"), "other searches: small, wide"),
        ((*SPACES, "--out", "run"), "run: is not empty; --resume continues the run in it"),
    ],
    ids=["twice", "another seed", "others", "not empty"],
)
def test_what_cannot_be_is_refused(
    begun: Path, typed: Shell, changed: tuple[str, ...], words: str, files_below: Files
) -> None:
    before = files_below(begun)
    ran = typed(*OPTIONS, *BUDGET, *changed)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert ran.err.count("\n") == 1
    assert files_below(begun) == before


@pytest.mark.slow
def test_a_search_that_cannot_be_met_is_told_and_the_others_are_done(
    typed: Shell, spaces: Path
) -> None:
    large = SMALL_SPACE.replace("min: 8, max: 48", "min: 384, max: 400")
    large = large.replace("min: 16, max: 96", "min: 768, max: 800")
    (spaces / "large.yaml").write_text(large)
    asked = ("--space", "small.yaml", "--space", "large.yaml", "--budget", "110MMACs")
    ran = typed(*OPTIONS, *asked, "--out", "run", "--json")
    assert ran.code == 0
    met, unmet = ran.json["searches"]
    assert met["result"]["share_of_optimum"] > 0.9
    assert unmet["result"] is None
    assert "no network of space large meets it" in unmet["note"]
    # Nothing is left to search, so no cluster is needed: there is none at this address.
    again = typed(*OPTIONS, *asked, "--out", "run", "--resume", "--ray", "127.0.0.1:1", "--json")
    assert again.code == 0, again.err
    assert again.json == ran.json


def test_searches_that_cannot_be_met_at_all_end_like_one(typed: Shell, spaces: Path) -> None:
    ran = typed(*OPTIONS, *SPACES, "--budget", "1MMACs", "--out", "run")
    assert (ran.code, ran.out) == (3, "")
    assert "small: budget" in ran.err
    assert "wide: budget" in ran.err
    assert not (spaces / "run").exists()


def test_nothing_of_replaced_searches_is_left(begun: Path, typed: Shell) -> None:
    asked = (*OPTIONS, *BUDGET, *DEVICES)
    assert typed(*asked, "--space", "small.yaml", "--out", "run", "--exist-ok").code == 0
    assert {path.name for path in begun.iterdir() if path.is_dir()} == {"t4", "intel-8163"}
