"""Random networks of equal cost, from a search space."""

from __future__ import annotations

import logging
from math import inf

import numpy as np

from maenas.backbone_search.plan import Subproblem
from maenas.backbone_search.tasks import prepare
from maenas.blocks import Backbone, SpecError
from maenas.budgets import show_amount
from maenas.evidence.agreement import FEWEST
from maenas.nas import Evaluator
from maenas.search_spaces.moves import Genomes, Moves

LOG = logging.getLogger(__name__)

DRAWN_AT_ONCE = 5_000
MOST_DRAWN = 3_000_000  # genomes before a draw gives up: under a minute
HOPELESS = 300_000  # genomes before it gives up where none has the wanted cost


def drawn_networks(
    subproblem: Subproblem, count: int, band: float, equal_depth: bool, seed: int
) -> list[Backbone]:
    """Different random networks whose cost lies at most `band` below the budget.

    Genomes are drawn with a random size each, so that small and large networks are equally likely,
    and those within the band of cost are kept. With `equal_depth`, they are the first networks of
    one number of layers: the one of which the draw finds enough first.

    Args:
        subproblem: space, template, budgets and device; the first budget gives the cost.
        count: number of networks.
        band: relative width of the band, such as 0.05.
        equal_depth: whether all have the same number of layers.
        seed: random seed.
    Raises:
        InfeasibleError: if no network meets the budgets.
        SpecError: if too few are found.
    """
    problem = subproblem.problem
    prepare(subproblem)
    least = problem.ranged.limit / (1 + band)
    evaluator, moves = Evaluator(problem), Moves(problem.space)
    rng = np.random.default_rng(seed)
    by_depth: dict[float, list[Genomes]] = {}
    seen: set[bytes] = set()
    most, costliest = 0, 0.0
    LOG.info("judge: draws networks of the wanted cost")
    for number in range(MOST_DRAWN // DRAWN_AT_ONCE):
        genomes = moves.sample(rng, DRAWN_AT_ONCE, all_sizes=True)
        found = evaluator(genomes)
        layers = evaluator.cost(found.costs, "layers")
        spent = evaluator.cost(found.costs, problem.ranged.axis)
        costliest = max(costliest, float(spent[found.feasible].max(initial=0.0)))
        if number * DRAWN_AT_ONCE >= HOPELESS and not most:
            break
        for row in np.flatnonzero(found.feasible & (spent >= least)):
            key = genomes[row].tobytes()
            if key in seen:
                continue
            seen.add(key)
            same = by_depth.setdefault(float(layers[row]) if equal_depth else inf, [])
            same.append(genomes[row])
            most = max(most, len(same))
            if len(same) == count:
                return [problem.space.decode([*map(int, genome)]) for genome in same]
    depth = " and of one depth" if equal_depth else ""
    fewer = "ask for fewer, " if count > FEWEST else ""
    raise SpecError(
        f"judge: found {most} networks within {100 * band:g} % below "
        f"{show_amount(problem.ranged, problem.ranged.limit)}{depth}, {count} are needed; the "
        f"largest of those drawn below it has {show_amount(problem.ranged, costliest)}; "
        f"{fewer}widen --band or choose another --at."
    )
