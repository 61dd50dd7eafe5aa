"""What the spec of a network says about the search that found it: comments and metadata."""

from __future__ import annotations

from collections.abc import Sequence

from maenas import __version__
from maenas.backbone_search.plan import Subproblem, depth_limits
from maenas.backbone_search.priced_devices import device_names_in
from maenas.backbone_search.results.bounds import within
from maenas.backbone_search.results.figures import score_spec
from maenas.backbone_search.results.lines import (
    budget_line,
    costs_line,
    measured_line,
    measured_on_line,
    optimum_line,
    random_line,
    score_line,
)
from maenas.backbone_search.results.result import Found, Result
from maenas.blocks.backbone_file import Fact, Metadata
from maenas.budgets import Budget, show


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
    if problem.further:
        lines += [
            budget_line(found, b, result.measured_ms(found, b.axis))
            for b in problem.budgets
            if b.quantity == "latency_ms"
        ]
    for device in problem.devices:
        about = device.model.about if found is result.best else device.model.brief
        lines.append(f"latency {f'{device.name}: ' if problem.further else ''}{about}")
    if result.verified and found is result.best:
        measured = measured_line(result.verified[0], problem, 4)
        lines.append(f"measured {measured}; {measured_on_line(result.measured_on)}")
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
    limits = [_limit_text(found, budget) for budget in problem.budgets]
    names = device_names_in(config)
    return Metadata(
        template=found.subproblem.template.name if priced else None,
        device=names[0] if names else None,
        limits_ms=_limits_ms(found, names),
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
            **_raised_facts(found),
            "seed": config.seed,
            **_rerank_facts(result, found),
        },
    )


def _limit_text(found: Found, budget: Budget) -> str:
    """A budget as text; for a range, the limit of this network."""
    if budget.low is None:
        return budget.text
    if not found.subproblem.problem.further:
        return found.label
    limit = show(budget.quantity, found.limits[budget.axis]).replace(" ", "")
    _, at, device = budget.text.partition("@")
    return f"{limit}{at}{device}"


def _limits_ms(found: Found, names: Sequence[str]) -> dict[str, float]:
    """The latency limits by the name of their device, where there are several devices."""
    problem, limits = found.subproblem.problem, found.limits
    if not problem.further:
        return {}
    return {
        name: limits[device.axis]
        for name, device in zip(names, problem.devices, strict=True)
        if device.axis in limits
    }


def _raised_facts(found: Found) -> dict[str, Fact]:
    """The limits that the optimum holds for, where they are not the budgets."""
    if not found.raised:
        return {}
    return {"optimum_within": within(found.subproblem.problem, found.limit, found.raised)}


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
