"""`--layers auto`: the optima under several limits on layers, and the one at the knee."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from maenas.backbone_search.depth import DepthPoint, chosen_among, depth_line
from maenas.backbone_search.plan import plan
from maenas.blocks import SpecError
from maenas.budgets import InfeasibleError
from tests.maenas.conftest import SMALL_SPACE
from tests.small_search import small_config


def point(layers: int, score: float) -> DepthPoint:
    return DepthPoint(layers, layers, score, score, None, 1)


@pytest.mark.parametrize(
    ("scores", "chosen"),
    [
        ((1.0, 5.0, 6.0, 6.5), 20),  # 5 lies 2.2 above the line, 6 lies 1.3 above it
        ((1.0, 2.0, 3.0, 4.0), 40),  # a line: no knee, the deepest
        ((1.0, 2.0), 20),
        ((3.0,), 10),
    ],
)
def test_the_knee_lies_farthest_above_the_line(scores: tuple[float, ...], chosen: int) -> None:
    points = [point(10 * number, score) for number, score in enumerate(scores, 1)]
    [found] = [each.layers for each in chosen_among(points) if each.is_chosen]
    assert found == chosen


def test_a_front_without_a_knee_says_so() -> None:
    line = [point(10 * number, score) for number, score in enumerate((1.0, 2.0, 3.0), 1)]
    bend = [point(10 * number, score) for number, score in enumerate((1.0, 2.5, 3.0), 1)]
    assert "no knee" in depth_line(chosen_among(line))
    assert "no knee" not in depth_line(chosen_among(bend))
    assert "no knee" not in depth_line(chosen_among(line[:2]))


def test_budgets_that_no_depth_meets_name_the_cheapest_network(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL_SPACE, encoding="utf-8")
    config = replace(small_config(tmp_path, islands=1), budgets=("1MMACs",), layers="auto")
    with pytest.raises(InfeasibleError, match=r"budget '1MMACs': .* the cheapest .* needs"):
        plan(config)


def test_each_optimum_is_certified_under_its_limit_and_one_limit_is_kept(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL_SPACE, encoding="utf-8")
    config = small_config(tmp_path, islands=1, score="log-entropy", weights=None, layers="auto")
    [found] = plan(config)
    assert [p.layers for p in found.depths] == sorted({p.layers for p in found.depths})
    assert all(p.layers <= p.cap for p in found.depths)
    assert [p.score for p in found.depths] == sorted(p.score for p in found.depths)
    assert all(p.score <= p.optimum_at_most * (1 + 1e-9) for p in found.depths)
    [chosen] = [p for p in found.depths if p.is_chosen]
    assert found.problem.limit("layers") == chosen.cap


def test_the_card_and_the_result_show_the_front(typed: Any, small: Path) -> None:
    words = ("search", "--space", "small.yaml", "--template", "t", "--input-size", "64")
    budget = ("--budget", "100MMACs", "--score", "log-entropy", "--algorithm", "exact")
    ran = typed(*words, *budget, "--layers", "auto", "--finalists", "0", "--evaluations", "50")
    assert "(chosen)" in " ".join(ran.out.split())
    assert "Layers" in (Path("runs/search/exp/report.html")).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"layers": "25"}, "--layers must be auto, got '25'"),
        ({"budgets": ("1MMACs..100MMACs",), "layers": "auto"}, "not a range"),
        ({"budgets": ("100MMACs", "9layers"), "layers": "auto"}, "leave the budget on layers out"),
    ],
)
def test_what_layers_auto_does_not_go_with_is_told(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    (tmp_path / "small.yaml").write_text(SMALL_SPACE, encoding="utf-8")
    with pytest.raises(SpecError, match=words):
        plan(replace(small_config(tmp_path, islands=1), **changes))
