"""Whether several additive budgets can be met by one network: a bound, and the nearest network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, sqrt

from maenas.budgets.arrays import Float64Array
from maenas.budgets.budget import Budget
from maenas.nas.certificate.options import Options
from maenas.nas.problem import TOLERANCE
from maenas.search_spaces.moves import Genomes

ROUNDS = 60  # most shortest paths; few are needed unless the budgets can just be met


@dataclass(frozen=True, slots=True)
class Nearest:
    """The network nearest to several budgets that was found.

    Attributes:
        genome: genome of the network.
        shares: cost of the network in each budget, as a share of the limit.
        bound: lower bound on the largest share of any network; above 1 no network is within all.
    """

    genome: Genomes
    shares: tuple[float, ...]
    bound: float

    @property
    def is_within(self) -> bool:
        """Whether the network is within every budget."""
        return max(self.shares) <= 1 + TOLERANCE

    @property
    def is_impossible(self) -> bool:
        """Whether it is proven that no network is within every budget."""
        return self.bound > 1 + TOLERANCE


def nearest_to(options: Options, budgets: Sequence[Budget]) -> Nearest:
    """The network whose largest share of a limit is small, with a bound on the smallest possible.

    The lowest weighted mean of shares is a shortest path and bounds the largest share from below.
    Weights rise where the path exceeds its budget, until a network is within all budgets or the
    bound proves that there is none.

    Args:
        options: all choices of all stages.
        budgets: budgets on additive costs.
    """
    evaluator = options.evaluator
    weights = [1.0 / len(budgets)] * len(budgets)
    found: Nearest | None = None
    bound = -inf
    for count in range(1, ROUNDS + 1):
        priced = {b.axis: w / b.limit for b, w in zip(budgets, weights, strict=True)}
        mean, genome = options.cheapest_sum(priced)
        bound = max(bound, mean)
        costs: Float64Array = evaluator(genome[None]).costs
        shares = tuple(float(evaluator.cost(costs, b.axis)[0]) / b.limit for b in budgets)
        if found is None or max(shares) < max(found.shares):
            found = Nearest(genome, shares, bound)
        found = Nearest(found.genome, found.shares, bound)
        if found.is_within or found.is_impossible:
            break
        spread = max(shares) - min(shares) or 1.0
        raised = [
            w * exp((share - mean) / spread / sqrt(count))
            for w, share in zip(weights, shares, strict=True)
        ]
        weights = [w / sum(raised) for w in raised]
    assert found is not None
    return found
