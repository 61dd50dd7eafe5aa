"""A portfolio: networks far from each other, each the certified optimum of a score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import maenas
from maenas.backbone_search.portfolio.spread import spread_out
from maenas.nas import load_score
from tests.maenas.conftest import SMALL_SPACE
from tests.schemas import errors_in
from tests.small_search import small_config


def test_the_farthest_candidate_comes_next_and_no_duplicate() -> None:
    features = np.array([[0.0, 5.0], [1.0, 5.0], [4.0, 5.0], [2.0, 5.0], [0.0, 5.0]])
    assert spread_out(features, 3) == [0, 2, 3]
    assert spread_out(features[[0, 4]], 2) == [0]


def test_features_count_alike_whatever_their_unit() -> None:
    features = np.array([[0.0, 0.0], [0.0, 900.0], [1.0, 0.0], [1.0, 1000.0]])
    assert spread_out(features, 2) == spread_out(features * [1.0, 1e-6], 2) == [0, 3]


def test_the_networks_are_optima_of_different_scores(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL_SPACE, encoding="utf-8")
    config = small_config(tmp_path, islands=1, algorithm="exact")
    found = maenas.search_portfolio(config, 3, (config.space,), ("t",), (64,), out=tmp_path / "p")
    names = [member.name for member in found.members]
    assert names[0] == "1-max-entropy"
    assert len(set(names)) == len({member.found.backbone for member in found.members}) == 3
    for member in found.members:
        spec = found.spec_path(member)
        assert maenas.load_backbone(spec) == member.found.backbone
        assert member.found.cost.macs <= 100e6
        assert member.found.share > 0.9995
        assert "search --budget 100MMACs" in member.command
    tilted = found.members[1].found
    assert tilted.score >= tilted.subproblem.problem.score(found.members[0].found.backbone)
    data = json.loads((tmp_path / "p" / "result.json").read_text(encoding="utf-8"))
    assert errors_in("portfolio-result", data) == []
    assert (tmp_path / "p" / "report.html").is_file()
    assert load_score("log-macs:t=1").options() == {"t": 1}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--portfolio", "1"), "at least 2 networks, got 1"),
        (("--budget", "1GMACs..2GMACs", "--portfolio", "3"), "not a range"),
        (("--template", "s", "--template", "t"), "--template is given 2 times"),
        (("--input-size", "64", "--input-size", "96"), "--input-size is given 2 times"),
        (("--portfolio", "3", "--resume", "--exist-ok"), "give one"),
        (("--portfolio", "3", "--device", "t4", "--device", "cpu"), "name each device"),
    ],
)
def test_what_a_portfolio_does_not_have_is_told(
    typed: Any, words: tuple[str, ...], message: str
) -> None:
    budget = () if "--budget" in words else ("--budget", "1GMACs")
    ran = typed("search", *budget, *words)
    assert ran.code == 2
    assert message in " ".join(ran.err.split())
    assert not Path("runs").exists()
