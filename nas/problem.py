"""The problem of a search: a space, a score, a device and budgets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from maenas.blocks import Backbone, Op, Shape
from maenas.budgets.budget import Budget, BudgetError
from maenas.budgets.cost import Cost, cost
from maenas.budgets.latency import LatencyModel
from maenas.nas.scores.max_entropy import effectiveness
from maenas.nas.scores.max_entropy_score import MaxEntropy
from maenas.nas.scores.score import Score
from maenas.search_spaces import Space

TOLERANCE = 1e-9  # share of a limit; sums in another order then agree on what meets the limit
Rest = Callable[[Sequence[Shape]], Sequence[Op]]


@dataclass(frozen=True, slots=True)
class Problem:
    """The problem: find the backbone with the highest score within every budget.

    Attributes:
        space: search space.
        budgets: limits on cost and depth; one of them may be a range.
        device: latency model that gives milliseconds per operator; None without a latency budget.
        rest: function that returns the operators of neck and head for the features of a backbone;
            None to price the backbone alone.
        score: score to maximise, a function of a backbone.
        max_effectiveness: DeepMAD's limit on depth relative to width; None for no limit.
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

    def __post_init__(self) -> None:
        self.score.level_weights(self.level_count)
        if self.device is None and any(b.quantity == "latency_ms" for b in self.budgets):
            raise BudgetError("budget: a latency needs a device to be priced on; add --device t4.")

    @property
    def level_count(self) -> int:
        """Number of resolution levels, the same for every backbone of the space."""
        return 1 + max(self.space.decode([0] * len(self.space.genes)).levels)

    @property
    def weights(self) -> tuple[float, ...]:
        """Weights of the score, one per resolution level."""
        return self.score.given_weights(self.level_count)

    @property
    def ranged(self) -> Budget:
        """The budget that a Pareto front covers: the one given as a range, else the first."""
        return next((budget for budget in self.budgets if budget.low is not None), self.budgets[0])

    def limit(self, quantity: str) -> float | None:
        """The limit on a quantity, if there is one."""
        return next((b.limit for b in self.budgets if b.quantity == quantity), None)

    def cost(self, backbone: Backbone) -> Cost:
        """The cost of a network, with neck and head if they are priced."""
        rest = self.rest(backbone.feature_shapes()) if self.rest else ()
        return cost((*backbone.ops(), *rest), self.device)

    def meets_budgets(self, backbone: Backbone) -> bool:
        """Whether a backbone meets every budget; `Evaluator` computes the same for many at once."""
        price = self.cost(backbone)
        within = all(
            (backbone.layers if b.quantity == "layers" else getattr(price, b.quantity))
            <= b.limit * (1 + TOLERANCE)
            for b in self.budgets
        )
        bound = self.max_effectiveness
        return within and (bound is None or effectiveness(backbone) <= bound)
