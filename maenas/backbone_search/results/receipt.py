"""What the spec of a network says about the search that found it: comments and metadata."""

from __future__ import annotations

from maenas import __version__
from maenas.backbone_search.plan import Subproblem, depth_limits
from maenas.backbone_search.results.figures import score_spec
from maenas.backbone_search.results.lines import (
    costs_line,
    measured_on_line,
    optimum_line,
    random_line,
    score_line,
)
from maenas.backbone_search.results.result import Found, Result
from maenas.blocks.backbone_file import Fact, Metadata


def receipt(result: Result, found: Found) -> list[str]:
    """Comments for the top of a spec: how the network was found; equal in repeated runs."""
    problem, config = found.subproblem.problem, result.config
    lines = [
        result.command,
        f"maenas {__version__}; space {problem.space.name}, template "
        f"{found.subproblem.template.name}, budgets of the {config.scope}; "
        f"{depth_limits(problem)}; {score_line(problem)}",
        f"score {found.score:.4f}, {optimum_line(found, 4)}; {random_line(found)}",
        costs_line(found),
    ]
    if problem.device is not None:
        is_first = found is result.best
        lines.append(f"latency {problem.device.about if is_first else problem.device.brief}")
    if result.verified and found is result.best:
        one = result.verified[0]
        lines.append(
            f"measured {one.measured_ms:.4f} ms, predicted {one.predicted_ms:.4f} "
            f"({100 * one.error:+.1f}%); {measured_on_line(result.measured_on)}"
        )
    if result.reranking is not None and found is result.best:
        lines.append(result.reranking.lines()[0])
    for outcome, subproblem in zip(result.outcomes, _subproblems(result), strict=True):
        if subproblem is found.subproblem:
            lines.append(
                f"{outcome.evaluations:,} candidates proposed, {outcome.unique:,} of them "
                f"different, {outcome.accepted:,} within the budgets; seed {config.seed}"
                + ("; the network is the exact solver's" if found.by_solver else "")
            )
    return lines


def metadata(result: Result, found: Found) -> Metadata:
    """Metadata of a network for later commands."""
    problem, config = found.subproblem.problem, result.config
    priced = config.scope == "detector"
    limits = [budget.text if budget.low is None else found.label for budget in problem.budgets]
    return Metadata(
        template=found.subproblem.template.name if priced else None,
        device=config.device,
        num_classes=found.subproblem.template.head.num_classes if priced else None,
        score=score_spec(config, problem),
        provenance={
            "maenas": __version__,
            "command": result.command,
            "space": problem.space.name,
            "budgets": " ".join(limits),
            "scope": config.scope,
            "score": round(found.score, 4),
            "optimum_at_most": round(found.certified.upper, 4),
            "seed": config.seed,
            **_rerank_facts(result, found),
        },
    )


def _rerank_facts(result: Result, found: Found) -> dict[str, Fact]:
    """Name and value of the forward-pass score of the network that it chose."""
    if result.reranking is None or found is not result.best:
        return {}
    return {"rerank": result.reranking.name, "rerank_score": round(result.reranking.best.mean, 4)}


def _subproblems(result: Result) -> list[Subproblem]:
    subproblems: list[Subproblem] = []
    for found in result.networks:
        if all(found.subproblem is not subproblem for subproblem in subproblems):
            subproblems.append(found.subproblem)
    return subproblems
