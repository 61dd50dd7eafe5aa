"""`--layers auto`: certified optima under several limits on layers, and the chosen limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from maenas.blocks import SpecError
from maenas.budgets import Budget, InfeasibleError
from maenas.nas import TARGET_GAP, Evaluator, Options, Problem, certify, cheapest_networks

FLAT = 0.01  # share of the whole gain below which a bend of the front is none
NO_KNEE = (
    "the score grows evenly with depth, so there is no knee and the deepest is kept; "
    "--budget 40layers sets another limit"
)
FACTORS = (0.5, 0.65, 0.8, 1.0, 1.25, 1.5, 2.0)  # of the template's limit on layers


@dataclass(frozen=True, slots=True)
class DepthPoint:
    """The certified optimum under one limit on layers.

    Attributes:
        cap: limit on layers.
        layers: layers of the optimum.
        score: score of the optimum.
        optimum_at_most: proven upper bound under this limit.
        latency_ms: predicted latency in milliseconds; None without a device.
        macs: multiply-accumulates of one image.
        is_chosen: whether the search keeps this limit.
    """

    cap: int
    layers: int
    score: float
    optimum_at_most: float
    latency_ms: float | None
    macs: int
    is_chosen: bool = False


def depth_front(problem: Problem, published: int) -> list[DepthPoint]:
    """The certified optima under limits on layers around the published one, the least first.

    Every score grows with depth, so none says by itself where to stop. The knee is chosen: the
    optimum that lies farthest above the line from the shallowest to the deepest one.

    Args:
        problem: problem of a search without a range; its limit on layers is replaced.
        published: limit on layers of the template.
    Raises:
        SpecError: if a budget is a range or limits layers already.
        InfeasibleError: if no limit has a network within the budgets.
    """
    if any(budget.low is not None for budget in problem.budgets):
        raise SpecError("search: --layers auto needs one limit such as --budget 3ms, not a range.")
    options = Options(Evaluator(problem))
    points: list[DepthPoint] = []
    deepest = round(FACTORS[-1] * published)
    for cap in sorted({round(factor * published) for factor in FACTORS}):
        try:
            (found,) = certify(options.under({"layers": cap}), target_gap=TARGET_GAP)
        except InfeasibleError:
            continue
        if found.genome is None:
            continue
        backbone = problem.space.decode(found.genome.tolist())
        if points and backbone.layers <= points[-1].layers:
            continue  # a larger limit changes nothing
        cost = problem.cost(backbone)
        latency = cost.latency_ms if problem.device else None
        score = problem.score(backbone)
        points.append(DepthPoint(cap, backbone.layers, score, found.upper, latency, cost.macs))
    if not points:
        cheapest_networks(options.under({"layers": deepest}))  # raises and names the cheapest
        raise InfeasibleError("search: --layers auto: no network meets the budgets at any depth.")
    return chosen_among(points)


def chosen_among(points: Sequence[DepthPoint]) -> list[DepthPoint]:
    """The points with the knee marked, or with the deepest marked if there is no knee."""
    above = above_the_line(points)
    knee = max(range(len(points)), key=lambda index: (above[index], points[index].layers))
    if not has_knee(points):
        knee = len(points) - 1
    return [replace(point, is_chosen=index == knee) for index, point in enumerate(points)]


def has_knee(points: Sequence[DepthPoint]) -> bool:
    """Whether an optimum lies clearly above the line from the shallowest to the deepest one."""
    return max(above_the_line(points)) > FLAT * (points[-1].score - points[0].score)


def above_the_line(points: Sequence[DepthPoint]) -> list[float]:
    """Score of each optimum above the line from the shallowest to the deepest one."""
    first, last = points[0], points[-1]
    slope = (last.score - first.score) / max(1, last.layers - first.layers)
    return [point.score - first.score - slope * (point.layers - first.layers) for point in points]


def with_cap(problem: Problem, points: Sequence[DepthPoint]) -> tuple[Budget, ...]:
    """The budgets of a problem with the chosen limit on layers."""
    return layers_capped(problem, next(point.cap for point in points if point.is_chosen))


def layers_capped(problem: Problem, cap: int) -> tuple[Budget, ...]:
    """The budgets of a problem with a limit on layers."""
    budget = Budget("layers", cap, f"{cap}layers")
    return (*(each for each in problem.budgets if each.quantity != "layers"), budget)


def depth_line(points: Sequence[DepthPoint]) -> str:
    """A line with the front of layers and score."""
    parts = [
        f"{point.layers} layers {point.score:.2f}{' (chosen)' if point.is_chosen else ''}"
        for point in points
    ]
    front = "; ".join(parts)
    return front if has_knee(points) or len(points) < 3 else f"{front}; {NO_KNEE}"
