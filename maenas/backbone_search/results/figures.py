"""Figures of a network beside its score, and those of the published backbone."""

from __future__ import annotations

from maenas.backbone_search.plan import Subproblem, published
from maenas.blocks.backbone_file import ScoreSpec
from maenas.budgets import Cost
from maenas.nas import SCORES, Problem
from maenas.runs.config import SearchConfig


def score_spec(config: SearchConfig, problem: Problem) -> ScoreSpec:
    """The score of a problem as stored in a spec: its name and its parameters."""
    score = problem.score
    if score.name in SCORES:
        return ScoreSpec(name=score.name, weights=problem.weights, options=score.options() or None)
    return ScoreSpec(name=config.score, weights=problem.weights)


def published_figures(subproblem: Subproblem) -> tuple[float, Cost] | None:
    """Score and cost of the published backbone of the same scale, if it is comparable."""
    backbone = published(subproblem)
    if backbone is None or 1 + max(backbone.levels) != len(subproblem.problem.weights):
        return None
    return subproblem.problem.score(backbone), subproblem.problem.cost(backbone)
