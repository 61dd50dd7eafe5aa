"""The summary at the end of a search."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.panel import Panel
from rich.table import Table

from maenas.backbone_search.depth import depth_line
from maenas.backbone_search.plan import depth_limits
from maenas.backbone_search.results.lines import (
    SHOWN_FINALISTS,
    beside_line,
    budget_line,
    costs_line,
    finalist_line,
    finalists_line,
    latency_columns,
    measured_line,
    optimum_line,
    solver_line,
)
from maenas.backbone_search.results.result import Result
from maenas.budgets import show
from maenas.detector.channels import shown_shape
from maenas.nas import MaxEntropy
from maenas.terminal.console import OUT


def print_card(result: Result) -> None:
    """Print the summary at the end of a search."""
    best = result.best
    problem = best.subproblem.problem
    card = Table.grid(padding=(0, 2))
    card.add_column(style="bold")
    card.add_column()
    for budget in problem.budgets:
        if budget.quantity == "layers" and not result.config.limits_layers:
            continue  # the template's own limit is printed below
        card.add_row("budget", budget_line(best, budget, result.measured_ms(best, budget.axis)))
    random = "none" if best.random_score is None else f"{best.random_score:.3f}"
    unit = f" {problem.score.unit}" if problem.score.unit else ""
    if not isinstance(problem.score, MaxEntropy):
        card.add_row("maximised", f"{problem.score.text}{unit}")
    card.add_row(
        "score",
        f"{best.score:.3f}, {optimum_line(best)}; random search {random}",
    )
    card.add_row("beside it", beside_line(best))
    card.add_row("", "the score is not the accuracy of a detector; a training tells that")
    if result.published is not None:
        score, price = result.published
        at = f" at {price.latency_ms:.3f} ms" if problem.device else ""
        name = f"damo-yolo-{best.subproblem.template.name}"
        card.add_row("published", f"zoo:{name} scores {score:.3f}{at}")
    if result.config.num_classes is not None:
        card.add_row("classes", f"{result.config.num_classes}; neck and head are priced for them")
    card.add_row("images", f"{shown_shape(best.backbone.in_shape)} pixels")
    card.add_row("costs", costs_line(best))
    card.add_row(
        "depth",
        f"{'/'.join(str(getattr(s, 'depth', 1)) for s in best.backbone.stages)} units; "
        f"{depth_limits(problem)} (the strongest settings of a search)",
    )
    if best.subproblem.depths:
        card.add_row("layers auto", depth_line(best.subproblem.depths))
    outcomes = result.outcomes
    unique = sum(outcome.unique for outcome in outcomes)
    card.add_row(
        "search",
        f"{sum(o.evaluations for o in outcomes):,} candidates, {unique:,} different, "
        f"seed {result.config.seed}, {result.seconds:.1f} s in all{solver_line(result)}",
    )
    for title, line in finalist_rows(result):
        card.add_row(title, line)
    for one in result.verified:
        card.add_row(
            "measured",
            f"finalist {one.rank}, score {one.score:.3f}: {measured_line(one, problem)}",
        )
    for device in problem.devices:
        card.add_row(
            "latency",
            f"{device.name}: {device.model.about}" if problem.further else device.model.about,
        )
    for note in result.notes:
        card.add_row("note", note)
    card.add_row("spec", str(result.spec_path(best)))
    card.add_row("next", f"maenas show {result.spec_path(best)}")
    is_family = len(result.networks) > 1
    card.add_row(
        "then",
        f"maenas train-family {result.folder} --data data.yaml"
        if is_family
        else f"maenas build-detector {result.spec_path(best)} --out runs/detector",
    )
    OUT.print(Panel(card, title=f"maenas search: {best.subproblem.template.name} scale"))
    if is_family:
        OUT.print(_family_table(result))


def finalist_rows(result: Result) -> list[tuple[str, str]]:
    """Title and text of each row on the forward passes of the finalists."""
    shown = result.monte_carlo[:SHOWN_FINALISTS]
    rows = [(f"finalist {entry.rank}", finalist_line(entry)) for entry in shown]
    if shown:
        rows.append(("", f"{result.forward_seconds:.2f} s per random network"))
    summary = finalists_line(result.monte_carlo)
    if summary is not None:
        rows.append(("finalists", summary))
    if result.reranking is not None:
        winner, spent = result.reranking.lines()
        rows += [("re-ranked", winner), ("", spent)]
    return rows


def _family_table(result: Result) -> Table:
    ranged = result.best.subproblem.problem.ranged
    table = Table(title=f"family in {result.folder}", box=SIMPLE_HEAD, padding=0, show_edge=False)
    several = [name for name, _ in latency_columns(result.best)]
    names = ("scale", "score", "of score's optimum", "layers", "params")
    for name in (*(several or ("limit", "cost")), *names):
        table.add_column(name, justify="right")
    table.add_column("spec", overflow="fold")
    for found in result.networks:
        one = (show(ranged.quantity, found.limit), show(ranged.quantity, found.spent(ranged.axis)))
        table.add_row(
            *([cell for _, cell in latency_columns(found)] or one),
            found.subproblem.template.name,
            f"{found.score:.3f}",
            f"{100 * found.share:.2f} %",
            str(found.backbone.layers),
            f"{found.cost.params / 1e6:.2f} M",
            str(result.spec_path(found).relative_to(result.folder)),
        )
    return table
