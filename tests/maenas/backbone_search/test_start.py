"""One fixed command, killed anywhere and typed again, always ends well."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from maenas.backbone_search import run as search_run
from maenas.backbone_search.effort import Effort
from maenas.backbone_search.run import run_search
from maenas.backbone_search.sweep import run_searches
from maenas.blocks import MaenasError
from maenas.runs.config import SearchConfig
from maenas.runs.start import START_FILE, mark_start
from tests.killed import KILLED, in_child, killed_at
from tests.maenas.conftest import SMALL_SPACE

NO_EFFORT = Effort(finalists=0)
LEAST_FILES = 6  # state, curve, scatter, result, report, best


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "small.yaml").write_text(SMALL_SPACE)
    (tmp_path / "other.yaml").write_text(SMALL_SPACE.replace("max: 96", "max: 64"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def config(**changes: Any) -> SearchConfig:
    asked = {
        "budgets": ("100MMACs",),
        "space": "small.yaml",
        "template": "t",
        "input_size": 64,
        "weights": (1.0, 1.0, 2.0, 4.0),
        "evaluations": 100,
    }
    return SearchConfig(**{**asked, **changes})


def one(resume: bool, exist_ok: bool) -> None:
    run_search(config(), Path("run"), resume, exist_ok, NO_EFFORT)


def several(resume: bool, exist_ok: bool) -> None:
    configs = {"small": config(), "other": config(space="other.yaml")}
    run_searches(configs, Path("run"), resume, exist_ok, NO_EFFORT)


@pytest.mark.slow
@pytest.mark.parametrize("option", ["resume", "exist_ok"])
def test_a_search_killed_at_any_file_ends_well_when_typed_again(option: str) -> None:
    def fixed() -> None:
        one(resume=option == "resume", exist_ok=option == "exist_ok")

    for number in count(1):
        code = in_child(killed_at(number, fixed))
        if code != KILLED:
            break
        assert not Path("run/best.yaml").exists()
    assert code == 0
    assert number >= LEAST_FILES
    assert json.loads(Path("run/result.json").read_text())["evaluations"] == 100
    assert not list(Path("run").glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize("option", ["resume", "exist_ok"])
def test_several_searches_killed_while_they_begin_end_well_when_typed_again(option: str) -> None:
    def fixed() -> None:
        several(resume=option == "resume", exist_ok=option == "exist_ok")

    for number in (1, 2, 3, 4):  # the list, two configs, a state
        assert in_child(killed_at(number, fixed)) == KILLED
    assert in_child(fixed) == 0
    assert Path("run/small/best.yaml").is_file()
    assert Path("run/other/best.yaml").is_file()


def test_a_start_killed_before_its_first_file_hinders_no_command() -> None:
    assert in_child(killed_at(1, lambda: one(False, False))) == KILLED
    assert in_child(lambda: one(False, False)) == 0


@pytest.mark.slow
def test_searches_that_start_together_get_folders_of_their_own() -> None:
    run_pairs(3)


@pytest.mark.minutes
@pytest.mark.slow
def test_twenty_pairs_of_searches_get_folders_of_their_own() -> None:
    run_pairs(20)


def run_pairs(pairs: int) -> None:
    """Start two searches at once, again and again."""
    for number in range(1, pairs + 1):
        children = []
        for _ in range(2):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    run_search(config(), None, effort=NO_EFFORT)
                    code = 0
                finally:
                    os._exit(code)
            children.append(child)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        assert codes == [0, 0]
        finished = list(Path("runs/search").glob("exp*/best.yaml"))
        assert len(finished) == 2 * number


def test_a_finished_search_answers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before = run_search(config(), Path("run"), effort=NO_EFFORT)
    files = {path: path.read_bytes() for path in Path("run").iterdir()}
    monkeypatch.setattr(search_run, "results", None)  # whatever searches, proves or draws
    again = run_search(config(), Path("run"), resume=True, effort=NO_EFFORT)
    assert again.to_json() == before.to_json()
    assert {path: path.read_bytes() for path in Path("run").iterdir()} == files


def test_a_finished_family_answers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = config(budgets=("40MMACs..100MMACs",), points=3)
    before = run_search(asked, Path("run"), effort=NO_EFFORT)
    monkeypatch.setattr(search_run, "results", None)
    again = run_search(asked, Path("run"), resume=True, effort=NO_EFFORT)
    assert again.to_json() == before.to_json()


def test_a_finished_search_scores_more_finalists_if_asked() -> None:
    run_search(config(), Path("run"), effort=NO_EFFORT)
    more = Effort(finalists=2, finalist_seeds=1)
    assert len(run_search(config(), Path("run"), resume=True, effort=more).monte_carlo) == 2


@pytest.mark.parametrize("name", ["..", "../elsewhere", "/tmp", ".", "a/b", "a\\b", ""])
@pytest.mark.parametrize("option", ["resume", "exist_ok"])
def test_no_name_in_a_list_of_searches_leads_out_of_its_folder(name: str, option: str) -> None:
    Path("run").mkdir()
    Path("run/searches.yaml").write_text(f"format: maenas/searches@1\nsearches: ['{name}']\n")
    Path("config.yaml").write_text("format: maenas/search@1\n")
    Path("best.yaml").write_text("a finished run outside")
    with pytest.raises(MaenasError, match=r"searches\.yaml: searches: "):
        several(resume=option == "resume", exist_ok=option == "exist_ok")
    assert Path("best.yaml").read_text() == "a finished run outside"


@pytest.mark.slow
@pytest.mark.parametrize(("work", "resume"), [(one, True), (several, False)])
def test_a_search_begins_where_a_training_was_killed_at_its_start(
    work: Callable[[bool, bool], None], resume: bool
) -> None:
    Path("run").mkdir()
    mark_start(Path("run"))
    Path("run/args.yaml").touch()
    work(resume, False)
    assert not (Path("run") / START_FILE).exists()
    written = {path: path.stat().st_mtime_ns for path in Path("run").rglob("best.yaml")}
    assert len(written) > 0
    work(True, False)  # it is finished
    assert {path: path.stat().st_mtime_ns for path in Path("run").rglob("best.yaml")} == written
