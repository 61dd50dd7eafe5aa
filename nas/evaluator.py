"""The evaluator: computes scores and costs of many genomes at once from memoised stages."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maenas.blocks import Backbone
from maenas.budgets.arrays import Float64Array
from maenas.budgets.budget import Quantity
from maenas.budgets.cost import CostTable
from maenas.nas.priced_stages import (
    COLUMN,
    CONVS,
    FURTHER,
    GAIN,
    LATENCY,
    LAYERS,
    MEMORY,
    SCORE,
    RestTable,
    StageTable,
)
from maenas.nas.problem import QUANTITIES, TOLERANCE, Problem, pace
from maenas.nas.scores.score import ends_level
from maenas.search_spaces.moves import Genomes


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores and costs of a batch of genomes, one entry per genome.

    Attributes:
        scores: (n,), score of each genome.
        costs: (n, axes), costs in the order of `Problem.axes`, which begins with `QUANTITIES`.
        feasible: (n,), whether every budget is met.
        prices: (n,), cost on the axis of `Problem.ranged`, over which a front is drawn; with
            several ranges, the least limit on it at which the network is within all of them.
    """

    scores: Float64Array
    costs: Float64Array
    feasible: NDArray[np.bool_]
    prices: Float64Array

    def cost(self, quantity: Quantity) -> Float64Array:
        """(n,), one cost of every genome."""
        column: Float64Array = self.costs[:, QUANTITIES.index(quantity)]
        return column

    def at(self, rows: NDArray[np.int64]) -> Evaluation:
        """The entries at some indices."""
        return Evaluation(
            self.scores[rows], self.costs[rows], self.feasible[rows], self.prices[rows]
        )


class Evaluator:
    """Evaluates genomes of one problem.

    Score and cost are sums over operators, so the part of a stage depends only on its own genes
    and its input width. It is computed once, in two parts: the first unit, and each further unit,
    which adds the same. Neck and head depend only on the widths of the features.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        space = problem.space
        ops = list(space.decode(space.origin).stage_ops())
        entry = [space.in_shape, *(stage[-1].out_shape for stage in ops)]
        self.stages: list[StageTable] = []
        costs = CostTable(problem.device, [*problem.further.values()])
        further = [axis for axis in problem.axes if axis not in COLUMN]
        self.columns: dict[str, int] = {
            **COLUMN,
            **{axis: FURTHER + number for number, axis in enumerate(further)},
        }
        self._index = {axis: number for number, axis in enumerate(problem.axes)}
        for index in range(len(space.stages)):
            before = self.stages[-1].out_widths if self.stages else (space.in_shape[0],)
            self.stages.append(StageTable(problem, index, before, entry[index][1:], costs))
        self.rest = RestTable(problem, [entry[index + 1][1:] for index in space.features], costs)
        self._levels = space.decode(space.origin).levels

    def under(self, limits: Mapping[str, float]) -> Evaluator:
        """The evaluator of the same problem with other limits; it shares the priced stages."""
        other = copy(self)
        other.problem = self.problem.at(limits)
        return other

    @property
    def width(self) -> int:
        """Number of columns of a row."""
        return FURTHER + len(self.problem.further) + 1

    def __call__(self, genomes: Genomes) -> Evaluation:
        """Evaluate (n, genes) legal genomes."""
        rows, effectiveness = self._rows(genomes)
        costs = np.column_stack(
            [rows[:, LATENCY : LAYERS + 1], rows[:, MEMORY], rows[:, FURTHER:MEMORY]]
        )
        feasible = np.ones(len(genomes), dtype=bool)
        for budget in self.problem.budgets:
            feasible &= self.cost(costs, budget.axis) <= budget.limit * (1 + TOLERANCE)
        if self.problem.max_effectiveness is not None:
            feasible &= effectiveness <= self.problem.max_effectiveness
        return self.wrap(rows[:, SCORE], costs, feasible)

    def row(self, genome: Genomes) -> Float64Array:
        """(columns,), the score and costs of a genome by column, with neck and head."""
        found: Float64Array = self._rows(genome[None])[0][0]
        return found

    def _rows(self, genomes: Genomes) -> tuple[Float64Array, Float64Array]:
        """(n, columns) and (n,), rows and effectiveness; 0 unless the problem limits it."""
        rows = np.zeros((len(genomes), self.width))
        sums, memory = rows[:, :MEMORY], rows[:, MEMORY]
        effectiveness = np.zeros(len(genomes))
        width = np.zeros(len(genomes), dtype=np.int64)
        widths = []
        for index, stage in enumerate(self.stages):
            stage.add_to(sums, memory, genomes, width)
            width = stage.width_after(genomes, width)
            widths.append(width)
            if self.problem.max_effectiveness is not None and ends_level(self._levels, index):
                ratio = np.exp(-2 * sums[:, GAIN] / sums[:, CONVS]) * sums[:, CONVS]
                np.maximum(effectiveness, ratio, out=effectiveness)
        rest = self.rest.rows([widths[index] for index in self.problem.space.features], self.stages)
        sums += rest[:, :MEMORY]
        np.maximum(memory, rest[:, MEMORY], out=memory)
        return rows, effectiveness

    def wrap(
        self, scores: Float64Array, costs: Float64Array, feasible: NDArray[np.bool_]
    ) -> Evaluation:
        """An evaluation from the numbers that a journal stores."""
        ranged = self.problem.ranged
        prices = self.cost(costs, ranged.axis)
        for pair in self.problem.paired:
            assert ranged.low is not None
            assert pair.low is not None
            ratios = self.cost(costs, pair.axis) / pair.low
            prices = np.maximum(prices, ranged.low * ratios ** pace(pair, ranged))
        return Evaluation(scores, costs, feasible, prices)

    def cost(self, costs: Float64Array, axis: str) -> Float64Array:
        """(n,), the cost on one axis in the (n, axes) costs of an evaluation."""
        column: Float64Array = costs[:, self._index[axis]]
        return column

    def price_of(self, backbone: Backbone) -> float:
        """The cost of one network on the axis of `Problem.ranged`, as in `Evaluation.prices`."""
        price = self.problem.cost(backbone)
        costs = [self.problem.spent(axis, backbone, price) for axis in self.problem.axes]
        nothing = np.empty(0)
        found = self.wrap(nothing, np.array([costs]), np.empty(0, dtype=bool))
        return float(found.prices[0])

    def latencies(self, costs: Float64Array) -> Float64Array:
        """(n, devices), the latencies in (n, axes) costs if there are several devices."""
        if not self.problem.further:
            return np.empty((0, 0))
        return np.column_stack([self.cost(costs, one.axis) for one in self.problem.devices])
