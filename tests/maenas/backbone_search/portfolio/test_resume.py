"""A portfolio goes on where it ended: what is solved is not solved again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from maenas.backbone_search.effort import Effort
from maenas.backbone_search.portfolio.options import PortfolioOptions, Span
from maenas.backbone_search.portfolio.result import Portfolio
from maenas.backbone_search.portfolio.run import run_portfolio
from maenas.blocks import MaenasError
from maenas.budgets import InfeasibleError
from maenas.evidence.race_options import members_of
from maenas.nas.executors import Executor, InProcess
from maenas.runs.start import mark_start
from tests.killed import KILLED, in_child, killed_at
from tests.maenas.conftest import SMALL_SPACE
from tests.schemas import errors_in
from tests.small_search import small_config

RUN = Path("run")
# Options, four times what is solved, three networks, report, result: 10 files in all. One more is
# written by each try; one that is resumed does not write again what is solved.
TRIES = {"resume": 6, "exist_ok": 11}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "small.yaml").write_text(SMALL_SPACE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Counted(InProcess):
    """An executor that counts what it solves and ends after so many candidates."""

    def __init__(self, most: int | None = None) -> None:
        self.most = most
        self.solved: list[str] = []

    def map(self, function: Any, items: Sequence[Any]) -> Any:
        for item in items:
            if len(self.solved) == self.most:
                raise KeyboardInterrupt
            self.solved.append(item.name)
            yield function(item)


def options(**changes: Any) -> PortfolioOptions:
    config = replace(small_config(Path()), space=None, template=None, input_size=None, islands=1)
    span = Span(portfolio=3, space=("small.yaml",), template=("t",), input_size=(64,))
    search = {key: value for key, value in changes.items() if key != "portfolio"}
    spans = {key: value for key, value in changes.items() if key == "portfolio"}
    return PortfolioOptions(replace(config, **search), replace(span, **spans))


def portfolio(
    resume: bool = False,
    exist_ok: bool = False,
    executor: Executor | None = None,
    asked: Sequence[str] | None = None,
    **changes: Any,
) -> Portfolio:
    effort = Effort(executor=executor)
    return run_portfolio(options(**changes), RUN, resume, exist_ok, effort, asked)


def files() -> dict[Path, bytes]:
    """All files of the run but its report, which states the time."""
    paths = (path for path in RUN.rglob("*") if path.is_file() and path.name != "report.html")
    return {path: path.read_bytes() for path in paths}


@pytest.mark.slow
@pytest.mark.parametrize("option", ["resume", "exist_ok"])
def test_a_portfolio_killed_at_any_file_ends_well_when_typed_again(option: str) -> None:
    def fixed() -> None:
        portfolio(resume=option == "resume", exist_ok=option == "exist_ok")

    for number in count(1):
        code = in_child(killed_at(number, fixed))
        if code != KILLED:
            break
        assert not (RUN / "result.json").exists()
    assert code == 0
    assert number == TRIES[option]
    assert len(list(RUN.glob("*/best.yaml"))) == 3
    assert not list(RUN.rglob(".*"))


@pytest.mark.slow
def test_a_portfolio_goes_on_with_what_is_left_and_then_answers_at_once() -> None:
    whole = portfolio()
    expected = files()
    with pytest.raises(KeyboardInterrupt):
        portfolio(exist_ok=True, executor=Counted(2))
    assert not list(RUN.rglob("best.yaml"))
    with pytest.raises(MaenasError, match="run is a portfolio that is not finished"):
        members_of([str(RUN)])
    rest = Counted()
    assert portfolio(resume=True, executor=rest).to_json() == whole.to_json()
    assert rest.solved == ["log-macs-t0", "log-macs-t1"]
    assert files() == expected
    none = Counted(0)  # solves nothing
    assert portfolio(resume=True, executor=none, asked=()).to_json() == whole.to_json()
    for name in ("portfolio", "solved"):
        path = next(RUN.glob(f"{name}.*"))
        assert errors_in(name, yaml.safe_load(path.read_text(encoding="utf-8"))) == []


def test_options_of_a_resumed_portfolio_agree_with_those_of_the_run() -> None:
    portfolio()
    with pytest.raises(MaenasError, match="portfolio is 3 in the run, 4 in the command"):
        portfolio(resume=True, portfolio=4)
    with pytest.raises(MaenasError, match="seed is 0 in the run, 1 in the command"):
        portfolio(resume=True, seed=1, asked=["seed"])
    assert portfolio(resume=True, seed=1, portfolio=2, asked=["budgets"]).candidates == 4
    Path("small.yaml").write_text(SMALL_SPACE.replace("max: 96", "max: 64"), encoding="utf-8")
    with pytest.raises(MaenasError, match="has changed since the run was started"):
        portfolio(resume=True)


def test_a_damaged_file_of_solved_candidates_is_written_again() -> None:
    whole = portfolio()
    path = RUN / "solved.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"log-macs:t=0"', '"log-macs:t=2"'), encoding="utf-8")
    again = Counted()
    assert portfolio(resume=True, executor=again).to_json() == whole.to_json()
    assert len(again.solved) == 4
    assert path.read_text(encoding="utf-8") == text


def test_a_portfolio_begins_where_nothing_has_begun_and_replaces_only_a_portfolio() -> None:
    RUN.mkdir()
    mark_start(RUN)
    (RUN / "args.yaml").touch()
    assert len(portfolio(resume=True).members) == 3
    assert [path.name for path in RUN.glob(".*")] == []
    smaller = portfolio(exist_ok=True, portfolio=2)
    assert sorted(path.parent.name for path in RUN.glob("*/best.yaml")) == [
        member.name for member in smaller.members
    ]
    (RUN / "portfolio.yaml").unlink()
    with pytest.raises(MaenasError, match="is not the folder of a portfolio"):
        portfolio(exist_ok=True)
    assert (RUN / "result.json").is_file()


@pytest.mark.slow
def test_a_portfolio_that_no_network_meets_leaves_nothing_behind() -> None:
    with pytest.raises(InfeasibleError, match="cheapest"):
        portfolio(resume=True, budgets=("1MMACs",))
    assert not RUN.exists()
    portfolio()
    before = (RUN / "result.json").read_bytes()
    with pytest.raises(InfeasibleError):
        portfolio(exist_ok=True, budgets=("1MMACs",))
    assert (RUN / "result.json").read_bytes() == before


@pytest.mark.slow
def test_the_limit_on_layers_that_was_chosen_is_kept() -> None:
    first = portfolio(layers="auto")
    solved = json.loads((RUN / "solved.json").read_text(encoding="utf-8"))["candidates"]
    assert all(each["layers"] for each in solved)
    (RUN / "result.json").unlink()
    assert portfolio(resume=True, executor=Counted(0), layers="auto").to_json() == first.to_json()


def test_a_resumed_portfolio_needs_only_its_folder(typed: Any) -> None:
    first = portfolio()
    ran = typed("search", "--resume", "--out", RUN, "--json")
    assert json.loads(ran.out) == first.to_json()
    other = typed("search", "--resume", "--out", RUN, "--template", "s")
    assert other.code == 2
    assert "template is t in the run, s in the command" in " ".join(other.err.split())
