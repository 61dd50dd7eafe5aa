"""Finalists ranked again by a score that needs forward passes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import maenas
from maenas.backbone_search.finalists import score_finalists
from maenas.backbone_search.plan import plan
from maenas.blocks import Backbone
from maenas.nas.executors import InProcess
from maenas.nas.scores.naswot import Naswot
from maenas.runs.config import SearchConfig

SMALL: dict[str, Any] = {
    **{"space": "small.yaml", "template": "t", "input_size": 64, "score": "macs"},
    **{"evaluations": 600, "finalists": 3, "finalist_seeds": 2},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, unlimited: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the small space."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def thrifty(backbone: Backbone, seed: int) -> float:
    """A score that prefers few parameters and has noise."""
    return -sum(op.params for op in backbone.ops()) / 1e6 + 1e-9 * seed


def test_the_finalist_ranked_first_is_the_result_also_when_read_back(folder: Path) -> None:
    result = maenas.search("100MMACs", out="run", rerank=thrifty, **SMALL)
    ranking = result.reranking
    assert ranking is not None
    assert [entry.mean for entry in ranking.finalists] == sorted(
        (entry.mean for entry in ranking.finalists), reverse=True
    )
    assert ranking.best.mean == pytest.approx(thrifty(result.best.backbone, 0), abs=1e-8)
    assert ranking.best.score == pytest.approx(result.best.score)
    assert {entry.rank for entry in ranking.finalists} == {1, 2, 3}
    assert ranking.best.rank != 1  # otherwise this search would show nothing
    spec = yaml.safe_load((folder / "run" / "best.yaml").read_text("utf-8"))
    assert spec["provenance"]["rerank"] == f"{__name__}:thrifty"
    assert spec["provenance"]["rerank_score"] == round(ranking.best.mean, 4)
    assert maenas.load_backbone(folder / "run") == result.best.backbone
    again = maenas.search("100MMACs", out="run", rerank=thrifty, resume=True, **SMALL)
    assert again.seconds == pytest.approx(result.seconds, abs=1e-3)  # nothing ran again
    assert again.reranking is not None
    assert again.reranking.finalists == ranking.finalists


def test_the_command_shows_the_ranking_and_its_cost(typed: Any, small: tuple[str, ...]) -> None:
    options = (*small, "--finalists", "2", "--finalist-seeds", "2", "--rerank", "naswot")
    shown = typed(*options, "--out", "run").words
    told = json.loads(Path("run/result.json").read_text("utf-8"))["rerank"]
    first, second = told["finalists"]
    assert (told["name"], told["seeds"]) == ("naswot", 2)
    assert first["mean"] > second["mean"]
    assert told["seconds"] > 0
    assert f"by naswot: finalist {first['rank']} first, {first['mean']:.3f}" in shown
    assert f"4 forward passes took {told['seconds']:.1f} s" in shown
    assert "--rerank naswot --finalists 2 --finalist-seeds 2" in Path("run/best.yaml").read_text()
    best = maenas.load_backbone("run")
    assert first["mean"] == pytest.approx(sum(Naswot()(best, seed) for seed in (0, 1)) / 2)


class Counted(InProcess):
    """This process, counting tasks."""

    tasks = 0

    def map(self, function: Any, items: Any) -> Any:
        self.tasks += len(items)
        return super().map(function, items)


def test_the_monte_carlo_score_of_the_search_is_not_drawn_twice() -> None:
    (subproblem,) = plan(
        SearchConfig(budgets=("100MMACs",), space="small.yaml", weights=(1, 1, 2, 4), input_size=64)
    )
    space, executor = subproblem.problem.space, Counted()
    small, large = (
        space.decode([place * (len(gene.values) - 1) for gene in space.genes]) for place in (0, 1)
    )
    scores = score_finalists(subproblem.problem, [small, large], 2, "max-entropy-forward", executor)
    assert executor.tasks == 4  # two networks with two seeds
    assert scores.reranking is not None
    assert scores.reranking.best.mean == scores.checks[1].mean
    assert scores.chosen == large


def test_a_family_has_finalists_of_several_budgets_and_is_refused() -> None:
    with pytest.raises(maenas.MaenasError, match="a range has several"):
        maenas.search("50MMACs..100MMACs", rerank="naswot", points=2, out="run", **SMALL)
