"""Plots of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maenas.backbone_search.plan import published
from maenas.backbone_search.results.bounds import place, within
from maenas.backbone_search.results.result import Result
from maenas.backbone_search.tasks import BoundsAndBaseline, PreparedSearch
from maenas.nas import Certified, Outcome, Problem, certify
from maenas.nas.certificate.exact import ADDITIVE
from maenas.terminal.figures import new_figure, new_plot, save_figure

if TYPE_CHECKING:
    pass

UNITS = {  # quantity: (divisor, axis label)
    "latency_ms": (1.0, "latency [ms]"),
    "macs": (1e9, "GMACs"),
    "params": (1e6, "params [M]"),
    "layers": (1.0, "layers"),
    "memory_bytes": (1e6, "largest operator [MB]"),
}
MAX_POINTS = 20_000
FRONT_POINTS = 40
FRONT_BINS = 1_000  # steps of cost: a third of those of a certificate, and half its time
MOST_COLUMNS = 3


def plot_curve(
    problem: Problem, outcome: Outcome, reference: BoundsAndBaseline, path: Path
) -> None:
    """Plot the best score over evaluations, with random search and the certified optimum."""
    figure = new_plot()
    axes = figure.subplots()
    for name, found in (("this search", outcome), ("random search", reference.random)):
        if found.curve and len(found.scores) == 0:  # the exact solver proposes no candidates
            score = found.curve[-1][1]
            axes.axhline(score, color="tab:blue", label=f"{name} (exact): {score:.2f}")
        elif found.curve:
            last = (found.evaluations, found.curve[-1][1])
            counts, scores = zip(*found.curve, last, strict=True)
            axes.step(counts, scores, where="post", label=f"{name}: {scores[-1]:.2f}")
    upper = reference.certified[-1].upper
    limits = within(problem, reference.certified[-1].limit)
    label = f"no network {limits} exceeds {upper:.2f}"
    axes.axhline(upper, color="black", linestyle=":", label=label)
    axes.set(xlabel="candidates", ylabel=f"best score{_unit(problem)}", xscale="log")
    axes.set_title("Best score so far")
    axes.legend(loc="lower right")
    save_figure(figure, path)


def certified_front(prepared: PreparedSearch) -> tuple[Certified, ...]:
    """Certificates at limits from the cheapest network to the budget.

    Empty if the budget is no sum, or if ranges of several devices rise together.
    """
    problem = prepared.subproblem.problem
    ranged = problem.ranged
    if ranged.quantity not in ADDITIVE or problem.paired:
        return ()
    least, _ = prepared.options.cheapest(ranged.axis)
    limits = np.linspace(least, ranged.limit, FRONT_POINTS + 1)[1:].tolist()
    return tuple(certify(prepared.options, limits, bins=FRONT_BINS, traces=1))


def axis_label(problem: Problem, axis: str) -> tuple[str, str]:
    """Name and unit of a cost, with the claim of the device for a latency."""
    for device in problem.devices:
        if device.axis == axis:
            return f"latency{place(problem, axis)}, {device.model.claim}", "ms"
    return {
        "latency_ms": ("latency", "ms"),
        "macs": ("MACs", "G"),
        "params": ("params", "M"),
        "layers": ("layers", ""),
        "memory_bytes": ("largest operator", "MB"),
    }[axis]


def divisor_of(axis: str) -> float:
    """The number that a cost is divided by to get its shown unit."""
    return UNITS[axis.partition("@")[0]][0]


def plot_scatter(
    prepared: PreparedSearch,
    outcome: Outcome,
    result: Result,
    front: Sequence[Certified],
    path: Path,
) -> None:
    """Plot cost and score of the networks within all budgets, the certified front, the budget."""
    problem = prepared.subproblem.problem
    ranged = problem.ranged
    scale, unit = UNITS[ranged.quantity]
    if problem.device is not None and ranged.quantity == "latency_ms":
        unit = f"latency{place(problem, ranged.axis)} [ms, {problem.device.claim}]"
    if problem.paired:
        unit = f"limit{place(problem, ranged.axis)} that admits a network [ms], the others in step"
    figure = new_plot()
    axes = figure.subplots()
    # The other networks break limits without an axis here and could lie above the front.
    indices = np.flatnonzero(outcome.feasible)
    count = len(indices)
    indices = indices[:: max(1, count // MAX_POINTS)]
    axes.scatter(
        outcome.prices[indices] / scale,
        outcome.scores[indices],
        s=2,
        color="tab:blue",
        label=f"within all budgets ({count:,})",
    )
    least, _ = prepared.options.cheapest(ranged.axis)
    mine = [found for found in result.networks if found.subproblem is prepared.subproblem]
    if front:
        axes.plot(
            [c.limit / scale for c in front],
            [c.upper for c in front],
            color="black",
            linewidth=1,
            label="certified front",
        )
    scores, most = [], ranged.limit
    mark: str | None = "found"
    for found in mine:
        spent = prepared.evaluator.price_of(found.backbone)
        axes.plot(spent / scale, found.score, "*", color="tab:red", markersize=12, label=mark)
        mark = None
        scores.append(found.score)
        most = max(most, spent)  # beyond the budget if verification raised the limit
    backbone = published(prepared.subproblem)
    if backbone is not None and 1 + max(backbone.levels) == len(problem.weights):
        spent = problem.spent(ranged.axis, backbone, problem.cost(backbone))
        name = f"damo-yolo-{prepared.subproblem.template.name}"
        axes.plot(spent / scale, problem.score(backbone), "D", color="tab:green", label=name)
    axes.axvline(ranged.limit / scale, color="tab:red", linestyle="--", label="budget")
    axes.set(xlabel=unit, ylabel=f"{problem.score.name} score{_unit(problem)}")
    axes.set_xlim(least / scale * 0.97, most / scale * 1.1)
    if scores:
        axes.set_ylim(top=max(scores) + 0.1 * abs(max(scores)))
    searched = "Networks within all budgets, certified front"
    axes.set_title(searched if len(outcome.scores) else "Network found, certified front")
    axes.legend(loc="lower right", markerscale=1)
    save_figure(figure, path)


def _unit(problem: Problem) -> str:
    """Unit of a score on an axis."""
    return f" [{problem.score.unit}]" if problem.score.unit else ""


def plot_searches(found: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> None:
    """Plot cost and score of the networks of several searches, with their certified optima.

    Each search has its own axes: scores of different spaces, scales or score functions are not
    comparable.

    Args:
        found: networks by search, as stored in `result.json`.
        path: file of the plot.
    """
    figure = new_figure()
    columns = min(len(found), MOST_COLUMNS)
    rows = ceil(len(found) / columns) if columns else 0
    figure.set_size_inches(4.2 * max(columns, 1), 3.4 * max(rows, 1))
    for index, (name, networks) in enumerate(found.items(), start=1):
        axes = figure.add_subplot(rows, columns, index)
        quantity = next(iter(networks[0]["budget"]))
        scale, unit = UNITS[quantity]
        prices = [network[quantity] / scale for network in networks]
        axes.plot(prices, [n["score"] for n in networks], "*-", markersize=10, label="found")
        tops = [network["optimum_at_most"] for network in networks]
        axes.plot(prices, tops, "_", color="black", markersize=14, label="certified optimum")
        axes.set(xlabel=unit, ylabel="score of this search", title=name)
        axes.legend(loc="lower right")
    save_figure(figure, path)
