"""The problem of a search: a space, a score, devices and budgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import log
from typing import get_args

from maenas.blocks import Backbone, Op, Shape
from maenas.budgets.budget import Budget, BudgetError, Quantity, latency_axis, show
from maenas.budgets.cost import Cost, cost
from maenas.budgets.latency import LatencyModel
from maenas.nas.scores.max_entropy import effectiveness
from maenas.nas.scores.max_entropy_score import MaxEntropy
from maenas.nas.scores.score import Score
from maenas.search_spaces import Space

TOLERANCE = 1e-9  # share of a limit; sums in another order then agree on what meets the limit
QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)
Rest = Callable[[Sequence[Shape]], Sequence[Op]]


@dataclass(frozen=True, slots=True)
class PricedDevice:
    """A device of a problem.

    Attributes:
        axis: name of its latency among the costs of a network.
        name: name for users.
        model: latency model.
    """

    axis: str
    name: str
    model: LatencyModel


@dataclass(frozen=True, slots=True)
class Problem:
    """The problem: find the backbone with the highest score within every budget.

    Attributes:
        space: search space.
        budgets: limits on cost and depth; one of them may be a range, or several latencies, whose
            limits then belong together point by point.
        device: latency model that gives milliseconds per operator; None without a latency budget.
        rest: function that returns the operators of neck and head for the features of a backbone;
            None to price the backbone alone.
        score: score to maximise, a function of a backbone.
        max_effectiveness: DeepMAD's limit on depth relative to width; None for no limit.
        further: latency models of further devices, by the name that budgets give.
    Raises:
        BudgetError: for a latency budget without a device.
        SpecError: unless the score has one weight for each resolution level of the space.
    """

    space: Space
    budgets: tuple[Budget, ...]
    device: LatencyModel | None = None
    rest: Rest | None = None
    score: Score = field(default_factory=MaxEntropy)
    max_effectiveness: float | None = None
    further: Mapping[str, LatencyModel] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.score.level_weights(self.level_count)
        for budget in self.budgets:
            if budget.axis not in self.axes:
                raise BudgetError(
                    f"budget {budget.text!r}: no prices of {budget.device} are given."
                )
            if budget.axis == "latency_ms" and self.device is None:
                raise BudgetError(
                    "budget: a latency needs a device to be priced on; add --device t4."
                )

    @property
    def level_count(self) -> int:
        """Number of resolution levels, the same for every backbone of the space."""
        return 1 + max(self.space.decode(self.space.origin).levels)

    @property
    def weights(self) -> tuple[float, ...]:
        """Weights of the score, one per resolution level."""
        return self.score.given_weights(self.level_count)

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of all costs that a budget can limit: the quantities, then further latencies."""
        return (*QUANTITIES, *map(latency_axis, self.further))

    @property
    def devices(self) -> tuple[PricedDevice, ...]:
        """All devices, that of budgets without a device name first."""
        first = self.device
        here = () if first is None else (PricedDevice("latency_ms", first.device, first),)
        further = self.further.items()
        return (*here, *(PricedDevice(latency_axis(name), name, model) for name, model in further))

    @property
    def ranged(self) -> Budget:
        """The budget that a Pareto front covers: the one given as a range, else the first."""
        return next((budget for budget in self.budgets if budget.low is not None), self.budgets[0])

    @property
    def paired(self) -> tuple[Budget, ...]:
        """The other ranges, whose limits belong to those of `ranged` point by point."""
        return tuple(b for b in self.budgets if b.low is not None and b is not self.ranged)

    def limit(self, axis: str) -> float | None:
        """The limit on a cost, if there is one."""
        return next((b.limit for b in self.budgets if b.axis == axis), None)

    def limits_at(self, limit: float) -> dict[str, float]:
        """The limit on every limited cost at one point of the front, by the limit on `ranged`."""
        limits = {budget.axis: budget.limit for budget in self.budgets}
        limits[self.ranged.axis] = limit
        for pair in self.paired:
            limits[pair.axis] = _moved(limit, self.ranged, pair)
        return limits

    def at(self, limits: Mapping[str, float]) -> Problem:
        """The problem with other limits on some costs, and without a range."""
        ordered = (self.ranged, *(b for b in self.budgets if b is not self.ranged))
        budgets = (_with_limit(b, limits.get(b.axis, b.limit)) for b in ordered)
        return replace(self, budgets=tuple(budgets))

    def cost(self, backbone: Backbone) -> Cost:
        """The cost of a network, with neck and head if they are priced."""
        rest = self.rest(backbone.feature_shapes()) if self.rest else ()
        return cost((*backbone.ops(), *rest), self.device, [*self.further.values()])

    def spent(self, axis: str, backbone: Backbone, price: Cost) -> float:
        """The cost of a network on one axis."""
        if axis == "layers":
            return backbone.layers
        further = [latency_axis(name) for name in self.further]
        spent: float = (
            price.further_ms[further.index(axis)] if axis in further else getattr(price, axis)
        )
        return spent

    def meets_budgets(self, backbone: Backbone) -> bool:
        """Whether a backbone meets every budget; `Evaluator` computes the same for many at once."""
        price = self.cost(backbone)
        within = all(
            self.spent(b.axis, backbone, price) <= b.limit * (1 + TOLERANCE) for b in self.budgets
        )
        bound = self.max_effectiveness
        return within and (bound is None or effectiveness(backbone) <= bound)


def _with_limit(budget: Budget, limit: float) -> Budget:
    """A budget with another limit and without a range."""
    if limit == budget.limit and budget.low is None:
        return budget
    device = "" if budget.device is None else f" on {budget.device}"
    return replace(budget, limit=limit, low=None, text=f"{show(budget.quantity, limit)}{device}")


def pace(of: Budget, beside: Budget) -> float:
    """The exponent that carries a ratio of limits of one range to the ratio of another."""
    assert of.low is not None
    assert beside.low is not None
    return log(beside.limit / beside.low) / log(of.limit / of.low)


def _moved(limit: float, of: Budget, beside: Budget) -> float:
    """The limit of another range at the point where one range has the given limit."""
    assert of.low is not None
    assert beside.low is not None
    if limit == of.limit:
        return beside.limit
    return float(beside.low * (limit / of.low) ** pace(of, beside))
