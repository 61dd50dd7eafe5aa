"""The dynamic program of a certificate: the best relaxed score for every state and cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import islice
from math import floor, inf, isfinite

import numpy as np

from maenas.budgets.arrays import Float64Array
from maenas.nas.certificate.constraint import Constraint
from maenas.nas.certificate.options import Ints, Options, StageOptions, State
from maenas.nas.priced_stages import LAYERS, MEMORY, SCORE
from maenas.nas.problem import TOLERANCE
from maenas.search_spaces.moves import Genomes


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate: bounds on the best score under one limit, and the best network found.

    No network of the space within the budgets scores more than `upper`. The network `genome` is
    within the budgets and scores `score`.

    Attributes:
        limit: limit on `Problem.ranged`.
        upper: upper bound on the score.
        score: score of the best network found during the proof, None if none was found.
        genome: genome of the best network found, None if none was found.
    """

    limit: float
    upper: float
    score: float | None
    genome: Genomes | None

    @property
    def gap(self) -> float | None:
        """Difference between upper bound and score, as a share of the score."""
        if self.score is None:
            return None
        return (self.upper - self.score) / (abs(self.score) or 1.0)

    def joined(self, other: Certified) -> Certified:
        """The tighter bounds of two certificates for the same limit."""
        better = max(self, other, key=lambda c: -inf if c.score is None else c.score)
        return replace(better, upper=min(self.upper, other.upper))


Edges = dict[int, dict[int, "Bundle"]]  # output width -> layers added -> choices


@dataclass(frozen=True, slots=True)
class Bundle:
    """Non-dominated choices between the same two widths that add the same number of layers.

    Attributes:
        bins: (n,), cost in bins above the lowest cost of the stage, ascending.
        gains: (n,), relaxed score, ascending.
        codes: (n, genes of the stage), indices into the values of the genes.
    """

    bins: Ints
    gains: Float64Array
    codes: Genomes


class Program:
    """A dynamic program for the best relaxed score of every state, layer count and cost bin.

    `values[stage][state]` is (layers, bins): the best score of the stages so far with exactly so
    many layers and bins of cost above their floors. The last stage needs no layer axis.

    Args:
        options: all choices of all stages.
        main: axis whose cost is divided into bins, None for no such axis.
        limit: largest limit on `main` to certify.
        bins: number of cost steps.
        multipliers: Lagrange multiplier of each further limit.
        ranged_limit: limit on `Problem.ranged`, which replaces the problem's own.
    """

    def __init__(
        self,
        options: Options,
        main: str | None,
        limit: float,
        bins: int,
        multipliers: Mapping[Constraint, float],
        ranged_limit: float,
    ) -> None:
        self.options = options
        self._evaluate = options.evaluator
        self._problem = options.evaluator.problem
        self._ranged_limit = ranged_limit
        self.main, self.most = main, limit
        limit *= 1 + TOLERANCE  # the same tolerance as in `Evaluator`
        self._most = limit
        self.prices = dict(multipliers)
        self._column = None if main is None else options.evaluator.columns[main]
        self.multipliers: dict[int, float] = {}  # by column
        for constraint, multiplier in multipliers.items():
            for column, weight in constraint.weights:
                known = self.multipliers.get(column, 0.0)
                self.multipliers[column] = known + multiplier * weight
        self.constant = sum(m * constraint.limit for constraint, m in multipliers.items())
        self.stages = [[self._within_memory(o) for o in stage] for stage in options.stages]
        stages = self.stages
        self.floors = [min(self._prices(o.table).min(initial=inf) for o in s) for s in stages]
        self.rests = options.rests
        self._floor = sum(self.floors) + min(
            float(self._prices(row[None])[0]) for row in self.rests.values()
        )
        self.bin = max(limit - self._floor, 0.0) / bins if self._column is not None else inf
        self.bins = bins if self.bin > 0 and self._column is not None else 0
        self.fewest, self.step, self.layers = self._layer_axis(stages)
        self._edges = [
            [self._edges_of(index, o) for o in stage] for index, stage in enumerate(stages)
        ]
        self.values: list[dict[State, Float64Array]] = []
        self._ends: dict[State, Float64Array] = {}
        if self.layers >= 0 and limit >= self._floor:
            self._run()

    def certified(self, limit: float, traces: int) -> Certified:
        """The bounds under one limit on `Problem.ranged`, not above the limit that was solved."""
        is_main = self.main == self._problem.ranged.axis
        top = self._top(limit * (1 + TOLERANCE)) if is_main else self.bins
        upper, lower, genome = -inf, None, None
        for value, state, cost_bin in islice(self._ends_within(top), traces):
            upper = max(upper, value + self.constant)
            found = self._trace(state, cost_bin)
            evaluation = self._evaluate(found[None])
            price = float(evaluation.prices[0])
            if evaluation.feasible[0] and price <= limit * (1 + TOLERANCE):
                lower, genome = float(evaluation.scores[0]), found
                break
        slack = TOLERANCE * abs(upper) if isfinite(upper) else 0.0
        return Certified(limit, float(upper + slack), lower, genome)

    def relaxed_optimum(self) -> tuple[float, Genomes] | None:
        """The upper bound, and the network behind it, which may exceed a budget."""
        for value, state, cost_bin in self._ends_within(self.bins):
            return value + self.constant, self._trace(state, cost_bin)
        return None

    # Methods for branch and bound.

    @property
    def columns(self) -> tuple[int, ...]:
        """Columns of the evaluator for the main axis, if any, and the multipliers."""
        main = () if self._column is None else (self._column,)
        return (*main, *self.multipliers)

    def room(self, index: int, rows: Float64Array) -> tuple[Ints, Ints]:
        """Layers and bins left for the stages before `index`; negative if a budget is exceeded.

        Args:
            index: first stage that is chosen.
            rows: (n, columns of the evaluator), sums over the chosen stages, neck and head.
        """
        layers = np.full(len(rows), self.layers)
        limit = self.limit("layers")
        if limit is not None:
            left = floor(limit + TOLERANCE) - sum(self.fewest[:index]) - rows[:, LAYERS]
            layers = np.minimum(np.floor(left / self.step + TOLERANCE), self.layers)
        bins = np.zeros(len(rows))
        if self._column is not None and self.bin > 0:
            above = self._most - sum(self.floors[:index]) - rows[:, self._column]
            bins = np.minimum(np.floor(above / self.bin + TOLERANCE), self.bins)
        return layers.astype(np.int64), bins.astype(np.int64)

    def rest_within_memory(self, taps: tuple[int, ...]) -> bool:
        """Whether neck and head meet the memory budget for these feature widths."""
        limit = self.limit("memory_bytes")
        return limit is None or float(self.rests[taps][MEMORY]) <= limit * (1 + TOLERANCE)

    # Preparation: prices, bins, edges.

    def limit(self, axis: str) -> float | None:
        if axis == self._problem.ranged.axis:
            return self._ranged_limit
        return self._problem.limit(axis)

    def _within_memory(self, options: StageOptions) -> StageOptions:
        limit = self.limit("memory_bytes")
        if limit is None:
            return options
        return options.select(options.table[:, MEMORY] <= limit * (1 + TOLERANCE))

    def _prices(self, table: Float64Array) -> Float64Array:
        prices: Float64Array = (
            np.zeros(len(table)) if self._column is None else table[:, self._column]
        )
        return prices

    def gains(self, table: Float64Array) -> Float64Array:
        gains: Float64Array = table[:, SCORE].copy()
        for column, multiplier in self.multipliers.items():
            gains -= multiplier * table[:, column]
        return gains

    def _to_bins(self, above_floor: Float64Array) -> Ints:
        """(n,), costs in whole bins, rounded down with a tolerance for rounding errors."""
        if self._column is None or self.bin == 0:
            return np.zeros(len(above_floor), dtype=np.int64)
        bins: Ints = np.floor(above_floor / self.bin - TOLERANCE).astype(np.int64)
        return np.maximum(bins, 0)

    def _top(self, limit: float) -> int:
        """The last bin within a limit."""
        if limit < self._floor and self._column is not None:
            return -1
        if self.bins == 0:
            return 0
        return min(int((limit - self._floor) / self.bin + TOLERANCE), self.bins)

    def _layer_axis(self, stages: list[list[StageOptions]]) -> tuple[list[int], int, int]:
        """Fewest layers of each stage, step between layer counts, and steps within the budget."""
        counts = [np.unique(np.concatenate([o.table[:, LAYERS] for o in s])) for s in stages]
        if any(len(c) == 0 for c in counts):  # a stage has no choice within the memory budget
            return [0] * len(stages), 1, -1
        fewest = [int(c.min()) for c in counts]
        extra = [c.astype(np.int64) - f for c, f in zip(counts, fewest, strict=True)]
        step = max(int(np.gcd.reduce(np.concatenate(extra))), 1)
        room = sum(int(c.max()) for c in extra)
        limit = self.limit("layers")
        if limit is not None:
            room = min(room, floor(limit + TOLERANCE) - sum(fewest))
        return fewest, step, room // step

    def _edges_of(self, index: int, options: StageOptions) -> Edges:
        table = options.table
        bins = self._to_bins(self._prices(table) - self.floors[index])
        gains = self.gains(table)
        layers = (table[:, LAYERS].astype(np.int64) - self.fewest[index]) // self.step
        edges: Edges = {}
        affordable = (bins <= self.bins) & (layers <= self.layers)
        for out, added in sorted(
            set(zip(*(a[affordable].tolist() for a in (options.out_width, layers)), strict=True))
        ):
            positions = np.flatnonzero(affordable & (options.out_width == out) & (layers == added))
            positions = positions[np.lexsort((-gains[positions], bins[positions]))]
            best = np.maximum.accumulate(gains[positions])
            better = np.concatenate([[True], gains[positions][1:] > best[:-1]])
            positions = positions[better]
            bundle = Bundle(bins[positions], gains[positions], options.codes[positions])
            edges.setdefault(out, {})[added] = bundle
        return edges

    # The forward pass.

    def _run(self) -> None:
        start = np.full((self.layers + 1, self.bins + 1), -inf)
        start[0, 0] = 0.0
        states: dict[State, Float64Array] = {((), 0): start}
        for index in range(len(self._edges) - 1):
            self.values.append(states)
            states = self._advance(index, states)
        self.values.append(states)
        self._finish(states)

    def _advance(self, index: int, states: dict[State, Float64Array]) -> dict[State, Float64Array]:
        after: dict[State, Float64Array] = {}
        for state, values in states.items():
            rows = np.flatnonzero(np.isfinite(values).any(axis=1))
            if len(rows) == 0:
                continue
            low, high = int(rows[0]), int(rows[-1]) + 1
            for out, bundles in self._edges[index][state[1]].items():
                target = self.options.next_state(index, state, out)
                if target not in after:
                    after[target] = np.full_like(values, -inf)
                reached = after[target]
                for added, bundle in bundles.items():
                    source = values[low : min(high, self.layers + 1 - added)]
                    reachable = reached[low + added : low + added + len(source)]
                    for cost, gain in zip(bundle.bins.tolist(), bundle.gains.tolist(), strict=True):
                        room = reachable[:, cost:]
                        np.maximum(room, source[:, : room.shape[1]] + gain, out=room)
        return after

    def _finish(self, states: dict[State, Float64Array]) -> None:
        """Add the last stage, neck and head; from here on the best over layer counts is enough."""
        last = len(self._edges) - 1
        for state, values in states.items():
            up_to = np.maximum.accumulate(values, axis=0)
            for out, bundles in self._edges[last][state[1]].items():
                target = self.options.next_state(last, state, out)
                shift, gain_of_rest = self._rest(target[0])
                if shift > self.bins:
                    continue
                if target not in self._ends:
                    self._ends[target] = np.full(self.bins + 1, -inf)
                reached = self._ends[target]
                for added, bundle in bundles.items():
                    source = up_to[self.layers - added]
                    for cost, gain in zip(
                        (bundle.bins + shift).tolist(),
                        (bundle.gains + gain_of_rest).tolist(),
                        strict=True,
                    ):
                        room = reached[cost:]
                        np.maximum(room, source[: len(room)] + gain, out=room)

    def _rest(self, taps: tuple[int, ...]) -> tuple[int, float]:
        """Cost in bins and relaxed score of neck and head."""
        row = self.rests[taps][None]
        if not self.rest_within_memory(taps):
            return self.bins + 1, 0.0
        above = self._prices(row) - (self._floor - sum(self.floors))
        return int(self._to_bins(above)[0]), float(self.gains(row)[0])

    # Tracing a value back to its network.

    def _ends_within(self, top: int) -> Iterator[tuple[float, State, int]]:
        """(value, state, bin) of networks within `top` bins, best first.

        For each state, the best value comes first, then the best in fewer bins, and so on.
        """
        waiting: list[tuple[float, State, int]] = []

        def wait(state: State, top: int) -> None:
            values = self._ends[state][: top + 1]
            if len(values) and np.isfinite(best := values.max()):
                heappush(waiting, (-float(best), state, int(values.argmax())))

        for state in self._ends:
            wait(state, top)
        while waiting:
            negative, state, cost_bin = heappop(waiting)
            yield -negative, state, cost_bin
            wait(state, cost_bin - 1)

    def _trace(self, state: State, cost_bin: int) -> Genomes:
        shift, gain_of_rest = self._rest(state[0])
        last = len(self._edges) - 1
        sources = {
            source: np.maximum.accumulate(values, axis=0)
            for source, values in self.values[last].items()
        }
        value = self._ends[state][cost_bin] - gain_of_rest
        cost_bin -= shift
        layers = self.layers
        path: list[Genomes] = []
        for index in range(last, -1, -1):
            if index < last:
                sources = self.values[index]
                value = self.values[index + 1][state][layers, cost_bin]
            state, layers, cost_bin, code = self._source(
                index, sources, state, layers, cost_bin, value
            )
            path.append(code)
            if index == last:  # `layers` was an upper limit; find the exact count
                values = self.values[index][state][: layers + 1, cost_bin]
                layers = int(values.argmax())
        return np.concatenate(path[::-1])

    def _source(
        self,
        index: int,
        sources: Mapping[State, Float64Array],
        target: State,
        layers: int,
        cost_bin: int,
        value: float,
    ) -> tuple[State, int, int, Genomes]:
        """The previous state, layers and bin, and the choice that gave a value."""
        nearest: tuple[float, tuple[State, int, int, Genomes]] | None = None
        for source, values in sources.items():
            if self.options.next_state(index, source, target[1]) != target:
                continue
            for added, bundle in self._edges[index][source[1]].get(target[1], {}).items():
                bins = bundle.bins[bundle.bins <= cost_bin]
                if added > layers or len(bins) == 0:
                    continue
                sums = values[layers - added, cost_bin - bins] + bundle.gains[: len(bins)]
                best = int(sums.argmax())
                if nearest is None or sums[best] > nearest[0]:
                    found = (source, layers - added, cost_bin - int(bins[best]), bundle.codes[best])
                    nearest = (float(sums[best]), found)
        assert nearest is not None
        assert abs(nearest[0] - value) <= 1e-6 * max(1.0, abs(value))
        return nearest[1]
