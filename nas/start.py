"""The networks that a search starts with, and the refusal of budgets that no network meets."""

from __future__ import annotations

import numpy as np

from maenas.blocks import Backbone
from maenas.budgets.budget import Budget, InfeasibleError, show_amount
from maenas.nas.certificate.exact import ADDITIVE
from maenas.nas.certificate.joint import nearest_to
from maenas.nas.certificate.options import Options
from maenas.nas.problem import TOLERANCE, Problem
from maenas.search_spaces.moves import Genomes

REMEDY = "or choose a smaller space or template."


def cheapest_networks(options: Options) -> Genomes:
    """(n, genes), for each budget the network that uses least of it; start of a search.

    With several devices, the network nearest to all additive budgets belongs to them.

    Raises:
        InfeasibleError: if the cheapest network exceeds its budget, or, with several devices, no
            network is within all of them; states the cost of the cheapest on each device.
    """
    problem = options.evaluator.problem
    cheapest = []
    for budget in problem.budgets:
        price, genome = options.cheapest(budget.axis)
        if price > budget.limit * (1 + TOLERANCE):
            raise InfeasibleError(
                f"budget {budget.text!r}: no network of space {problem.space.name} meets it: the "
                f"cheapest {_what(problem)} needs {show_amount(budget, price)}"
                f"{_elsewhere(options, budget, genome)}; raise the budget, {REMEDY}"
            )
        cheapest.append(genome)
    if problem.further:
        cheapest.append(_within_all(options))
    return np.unique(np.array(cheapest, dtype=np.int16), axis=0)


def _within_all(options: Options) -> Genomes:
    """The network nearest to all additive budgets; raises `InfeasibleError` if none meets them."""
    problem = options.evaluator.problem
    additive = [budget for budget in problem.budgets if budget.quantity in ADDITIVE]
    nearest = nearest_to(options, additive)
    if not nearest.is_impossible:
        return nearest.genome
    cheapest = []
    for budget in additive:
        price, genome = options.cheapest(budget.axis)
        others = ", ".join(
            _shown(problem, other, _network(problem, genome))
            for other in additive
            if other is not budget
        )
        where = _place(problem, budget)
        cheapest.append(f"the cheapest{where} needs {show_amount(budget, price)} and {others}")
    raise InfeasibleError(
        f"budgets {', '.join(repr(budget.text) for budget in additive)}: each can be met, but no "
        f"{_what(problem)} of space {problem.space.name} meets them together: "
        f"{'; '.join(cheapest)}; raise one budget, {REMEDY}"
    )


def _elsewhere(options: Options, budget: Budget, genome: Genomes) -> str:
    """The device of a latency, and what the same network needs on the others, if there are any."""
    problem = options.evaluator.problem
    if not problem.further:
        return ""
    others = ", ".join(
        _shown(problem, other, _network(problem, genome))
        for other in problem.budgets
        if other.quantity == "latency_ms" and other is not budget
    )
    return f"{_place(problem, budget)}" + (f" (and {others})" if others else "")


def _shown(problem: Problem, budget: Budget, backbone: Backbone) -> str:
    spent = problem.spent(budget.axis, backbone, problem.cost(backbone))
    return f"{show_amount(budget, spent)}{_place(problem, budget)}"


def _place(problem: Problem, budget: Budget) -> str:
    """The device of a latency; "" for another quantity."""
    names = [device.name for device in problem.devices if device.axis == budget.axis]
    return f" on {names[0]}" if names else ""


def _network(problem: Problem, genome: Genomes) -> Backbone:
    return problem.space.decode(genome.tolist())


def _what(problem: Problem) -> str:
    return "backbone" if problem.rest is None else "detector"
