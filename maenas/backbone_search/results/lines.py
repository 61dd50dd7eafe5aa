"""Lines of text about a result, for the card, the receipt and the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from maenas.backbone_search.finalists import MonteCarlo
from maenas.backbone_search.results.bounds import bound_line, place
from maenas.backbone_search.results.result import Found, Result
from maenas.backbone_search.verify import Verified
from maenas.budgets import Budget, show, show_amount
from maenas.nas import MaxEntropy, Problem

SHOWN_FINALISTS = 5


def disturbed_note(chosen: Verified) -> str | None:
    """A note that the chosen network was measured on a disturbed device; None if it was not."""
    if not chosen.warnings:
        return None
    return (
        f"the measurement of the chosen network is not reliable ({', '.join(chosen.warnings)}): "
        "something else used the device; measure again when it is idle"
    )


def measured_on_line(provenance: Mapping[str, str | int | float]) -> str:
    """A line with the device on which the finalists were measured."""
    return ", ".join(f"{name}: {value}" for name, value in provenance.items())


def measured_line(one: Verified, problem: Problem, digits: int = 3) -> str:
    """A line with the measured and the predicted latency of a network on each device."""
    axes = {device.name: device.axis for device in problem.devices}
    return "; ".join(
        f"{each.measured_ms:.{digits}f} ms{place(problem, axes.get(each.device, ''))}, predicted "
        f"{each.predicted_ms:.{digits}f} ({100 * each.error:+.1f}%)"
        + ("" if each.within else ", beyond the budget")
        + "".join(f", {warning}" for warning in each.warnings)
        for each in one.measurements
    )


def score_line(problem: Problem) -> str:
    """A line with the score that was maximised and its weights."""
    weights = " ".join(f"{weight:g}" for weight in problem.weights)
    if isinstance(problem.score, MaxEntropy):
        return f"weights {weights}"
    options = "".join(f", {name} {value}" for name, value in problem.score.options().items())
    return f"score {problem.score.name}{options}, weights {weights}"


def finalist_line(entry: MonteCarlo) -> str:
    """A line with the score of a finalist on random networks."""
    borders = "" if entry.expected is None else f"with borders {entry.expected:.3f}, "
    return (
        f"score {entry.score:.3f}, {borders}on {entry.seeds} random "
        f"networks {entry.mean:.3f} ± {entry.standard_error:.3f}"
    )


def optimum_line(found: Found, digits: int = 3) -> str:
    """A line with the gap between a network's score and the bound on the optimum."""
    most = bound_line(found, digits)
    if found.proven:
        gap = f"{100 * (1 - found.share):.3f} %"
        within = "" if gap == "0.000 %" else f" within {gap}"
        return f"optimal for this score{within} (proven: {most})"
    return f"{100 * found.share:.3f} % of this score's optimum, certified ({most})"


def beside_line(found: Found) -> str:
    """A line with the features that a score should be read beside: size, depth and level C5."""
    beside = found.beside
    score, macs = 100 * beside.score_share, 100 * beside.macs_share
    return (
        f"{beside.params / 1e6:.2f} M params and {beside.activations / 1e6:.2f} M activations in "
        f"the backbone, {found.backbone.layers} layers; C{beside.levels} has "
        f"{score:.0f} % of the score, {macs:.0f} % of the MACs"
    )


def budget_line(found: Found, budget: Budget, measured_ms: float | None = None) -> str:
    """A line with what a network spends of one budget, and what it leaves.

    Args:
        found: network.
        budget: budget of the search.
        measured_ms: latency that the network was measured with; None if it was not measured.
    """
    problem = found.subproblem.problem
    spent, limit = found.spent(budget.axis), found.limits[budget.axis]
    priced = next((d for d in problem.devices if d.axis == budget.axis), None)
    kind = "" if priced is None else f" {priced.model.claim} on {priced.name}"
    predicted = show(budget.quantity, spent)
    if measured_ms is not None:
        kind, spent = f"{kind}, {show(budget.quantity, measured_ms)} measured,", measured_ms
    spare = 100 * (1 - spent / limit)
    rest = f"{spare:.1f} % to spare" if spare >= 0 else f"{-spare:.1f} % beyond"
    return f"{predicted}{kind} of {show_amount(budget, limit)} ({rest})"


def latency_columns(found: Found) -> list[tuple[str, str]]:
    """Name and latency of each limited device of a network, where there are several."""
    problem, limits = found.subproblem.problem, found.limits
    if not problem.further:
        return []
    return [
        (f"ms on {d.name}", f"{found.spent(d.axis):.3f} of {limits[d.axis]:.3f}")
        for d in problem.devices
        if d.axis in limits
    ]


def solver_line(result: Result) -> str:
    """A line with the search's own best score, if the exact solver found a better network."""
    curve = result.outcomes[-1].curve
    if not result.best.by_solver or not curve:
        return ""
    of_what = " of the raised limit" if result.best.raised else ""
    return f"; its own best scores {curve[-1][1]:.3f}, the exact solver found the optimum{of_what}"


def random_line(found: Found) -> str:
    """A line with the best score of random search."""
    if found.random_score is None:
        return "random search found nothing within the budgets"
    return f"random search with as many evaluations: {found.random_score:.4f}"


def finalists_line(finalists: Sequence[MonteCarlo]) -> str | None:
    """A line that sums up many finalists; None if the card lists them all."""
    if len(finalists) <= SHOWN_FINALISTS:
        return None
    from scipy.stats import spearmanr

    best = max(finalists, key=lambda entry: entry.mean)
    ranks = spearmanr([entry.score for entry in finalists], [entry.mean for entry in finalists])
    return (
        f"{len(finalists)} scored on random networks; highest there is finalist {best.rank}, "
        f"{best.mean:.3f} ± {best.standard_error:.3f}; rank correlation with the closed form "
        f"{ranks.statistic:.3f}"
    )


def costs_line(found: Found) -> str:
    """A line with the costs of a network, latency first."""
    price, problem = found.cost, found.subproblem.problem
    parts = []
    for device in problem.devices:
        parts.append(f"{found.spent(device.axis):.4f} ms {device.model.claim} on {device.name}")
    parts += [
        f"{price.macs / 1e9:.4f} GMACs ({2 * price.macs / 1e9:.2f} GFLOPs)",
        f"{price.params / 1e6:.4f} M params",
        f"{found.backbone.layers} layers",
        f"largest operator {price.memory_bytes / 1e6:.2f} MB",
    ]
    return ", ".join(parts)
