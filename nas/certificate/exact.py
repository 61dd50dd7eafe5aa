"""The certified optimum of a space: dynamic programming over stages, widths, depth and cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import islice
from math import floor, inf, isfinite

import numpy as np

from maenas.budgets.budget import Budget
from maenas.nas.certificate.options import Ints, Options, StageOptions, State
from maenas.nas.evaluator import COLUMN, LAYERS, MEMORY, SCORE, Floats
from maenas.nas.problem import TOLERANCE
from maenas.search_spaces.moves import Genomes

DEFAULT_BINS = 3000  # enough for a gap below `TARGET_GAP` on the default problem
TARGET_GAP = 2e-4  # a share of the score: far below what two searches differ by
FINER = 4
COARSE_BINS = 400  # for finding multipliers
ADDITIVE = ("latency_ms", "macs", "params")
MAX_TRACES = 200  # relaxed optima followed back before giving up on a network that fits
MULTIPLIER_STEPS = 14  # of bisection
MULTIPLIER_ROUNDS = 3  # where several multipliers depend on each other


@dataclass(frozen=True, slots=True)
class Certified:
    """What is known about the best network under one budget.

    No network of the space within the budgets scores more than `upper`; `genome` is within them
    and scores `score`.

    Attributes:
        limit: the budget on the ranged quantity.
        upper: upper bound on the score.
        score: of the best network found while proving it, None if none came up.
        genome: that network.
    """

    limit: float
    upper: float
    score: float | None
    genome: Genomes | None

    @property
    def gap(self) -> float | None:
        """How far the bound is above the network, as a share of the network's score."""
        if self.score is None:
            return None
        return (self.upper - self.score) / (abs(self.score) or 1.0)

    def joined(self, other: Certified) -> Certified:
        """What two proofs for one limit say together."""
        better = max(self, other, key=lambda c: -inf if c.score is None else c.score)
        return replace(better, upper=min(self.upper, other.upper))


def certify(
    options: Options,
    limits: Sequence[float] | None = None,
    bins: int = DEFAULT_BINS,
    target_gap: float = inf,
    traces: int = MAX_TRACES,
) -> list[Certified]:
    """Bounds on the best score under each limit, all from one solve.

    Score and cost are sums over stages, so the best network for each cost is found stage by stage.
    Costs are rounded down to `bins` steps: a relaxation, so its optimum bounds the true one from
    above; following it back yields networks that are priced exactly, the best that fits bounds it
    from below. The layer budget is exact, so is that on memory. Further additive budgets are
    relaxed with Lagrange multipliers, which keeps the upper bound true but may leave a gap. A
    bound on effectiveness is not part of the relaxation; the upper bound holds all the same.

    Args:
        options: the space, listed.
        limits: on `Problem.ranged`, ascending; its limit alone if None.
        bins: steps of cost up to the largest limit.
        target_gap: limits whose bounds are further apart are solved for once more, alone and in
            `FINER` times the steps.
        traces: most relaxed optima followed back to a network; 1 where only `upper` is wanted.
    """
    limits = [options.evaluator.problem.ranged.limit] if limits is None else list(limits)
    found = _bounds(options, limits, bins, traces)
    for place, certified in enumerate(found):
        if certified.gap is not None and certified.gap > target_gap:
            again = _bounds(options, [certified.limit], FINER * bins, traces)[0]
            found[place] = certified.joined(again)
    return found


def _bounds(options: Options, limits: Sequence[float], bins: int, traces: int) -> list[Certified]:
    problem = options.evaluator.problem
    ranged = problem.ranged
    additive = [b for b in problem.budgets if b.quantity in ADDITIVE and b is not ranged]
    if ranged.quantity in ADDITIVE:
        multipliers = _multipliers(options, ranged.quantity, limits[-1], additive, limits[-1])
        solve = _Solve(options, ranged.quantity, limits[-1], bins, multipliers, limits[-1])
        return [solve.certified(limit, traces) for limit in limits]
    # Layers and memory bound what the program lists: a solve for each limit on them.
    main = additive[0].quantity if additive else None
    most = additive[0].limit if additive else inf
    found = []
    for limit in limits:
        multipliers = _multipliers(options, main, most, additive[1:], limit)
        solve = _Solve(options, main, most, bins, multipliers, limit)
        found.append(solve.certified(limit, traces))
    return found


def _multipliers(
    options: Options, main: str | None, limit: float, others: Sequence[Budget], ranged_limit: float
) -> dict[str, float]:
    """Prices of the other budgets that make the upper bound small, found on coarse bins.

    The bound is convex in each multiplier: it falls while the relaxed optimum exceeds its budget
    and rises after, so each is bisected in turn, several times if there are others.
    """
    multipliers: dict[str, float] = {budget.quantity: 0.0 for budget in others}
    for budget in [*others] * (1 if len(others) == 1 else MULTIPLIER_ROUNDS):
        quantity, most = budget.quantity, budget.limit
        low, high = 0.0, None
        guess = 0.0
        for _ in range(MULTIPLIER_STEPS):
            tried = multipliers | {quantity: guess}
            solve = _Solve(options, main, limit, COARSE_BINS, tried, ranged_limit)
            genome = solve.relaxed_optimum()
            if genome is None:
                break
            used = options.evaluator(genome[None]).cost(quantity)[0]
            if used <= most * (1 + TOLERANCE):
                high = guess
                if guess == 0.0:
                    break  # the budget does not bind
            else:
                low = guess
            guess = max(4 * guess, 1.0 / most) if high is None else 0.5 * (low + high)
        multipliers[quantity] = guess if high is None else high
    return multipliers


Edges = dict[int, dict[int, "Bundle"]]  # leaving width -> layers added -> choices


@dataclass(frozen=True, slots=True)
class Bundle:
    """Choices between the same two widths that add the same layers, none dominated.

    Attributes:
        bins: (n,), cost in bins above the stage's floor, ascending.
        gains: (n,), score, ascending.
        codes: (n, genes of the stage).
    """

    bins: Ints
    gains: Floats
    codes: Genomes


class _Solve:
    """One dynamic program: the best relaxed score for every state, layer count and cost bin.

    `_values[stage][state]` is (layers, bins): the best score of the stages so far with exactly so
    many layers and bins of cost above their floors. The last stage needs no layer axis.

    Args:
        options: the space, listed.
        main: the quantity whose cost is binned, None for none.
        limit: on `main`, the largest to be certified.
        bins: steps of cost.
        multipliers: prices of further quantities.
        ranged_limit: on `Problem.ranged`, in place of the problem's own.
    """

    def __init__(
        self,
        options: Options,
        main: str | None,
        limit: float,
        bins: int,
        multipliers: Mapping[str, float],
        ranged_limit: float,
    ) -> None:
        self._options = options
        self._evaluate = options.evaluator
        self._problem = options.evaluator.problem
        self._ranged_limit = ranged_limit
        limit *= 1 + TOLERANCE  # as `Evaluator` allows, so a limit just met leaves room
        self._column = None if main is None else COLUMN[main]
        self._multipliers = {COLUMN[quantity]: m for quantity, m in multipliers.items()}
        self._constant = sum(
            m * (self._limit(quantity) or 0.0) for quantity, m in multipliers.items()
        )
        stages = [[self._within_memory(o) for o in stage] for stage in options.stages]
        self._floors = [min(self._prices(o.table).min(initial=inf) for o in s) for s in stages]
        self._rests = {taps: options.rest(taps) for taps in _reachable_taps(options)}
        self._floor = sum(self._floors) + min(
            float(self._prices(row[None])[0]) for row in self._rests.values()
        )
        self._bin = max(limit - self._floor, 0.0) / bins if self._column is not None else inf
        self._bins = bins if self._bin > 0 and self._column is not None else 0
        self._fewest, self._step, self._layers = self._layer_axis(stages)
        self._edges = [
            [self._edges_of(index, o) for o in stage] for index, stage in enumerate(stages)
        ]
        self._values: list[dict[State, Floats]] = []
        self._ends: dict[State, Floats] = {}
        if self._layers >= 0 and limit >= self._floor:
            self._run()

    def certified(self, limit: float, traces: int) -> Certified:
        """The bounds under one limit on `Problem.ranged`, at most the one solved for."""
        is_main = self._column == COLUMN[self._problem.ranged.quantity]
        top = self._top(limit * (1 + TOLERANCE)) if is_main else self._bins
        upper, lower, genome = -inf, None, None
        for value, state, place in islice(self._ends_within(top), traces):
            upper = max(upper, value + self._constant)
            found = self._trace(state, place)
            evaluation = self._evaluate(found[None])
            price = float(evaluation.prices[0])
            if evaluation.feasible[0] and price <= limit * (1 + TOLERANCE):
                lower, genome = float(evaluation.scores[0]), found
                break
        slack = TOLERANCE * abs(upper) if isfinite(upper) else 0.0
        return Certified(limit, upper + slack, lower, genome)

    def relaxed_optimum(self) -> Genomes | None:
        """The network behind the upper bound, which may exceed a budget."""
        for _, state, place in self._ends_within(self._bins):
            return self._trace(state, place)
        return None

    # Preparation: prices, bins, edges.

    def _limit(self, quantity: str) -> float | None:
        if quantity == self._problem.ranged.quantity:
            return self._ranged_limit
        return self._problem.limit(quantity)

    def _within_memory(self, options: StageOptions) -> StageOptions:
        limit = self._limit("memory_bytes")
        if limit is None:
            return options
        return options.select(options.table[:, MEMORY] <= limit * (1 + TOLERANCE))

    def _prices(self, table: Floats) -> Floats:
        prices: Floats = np.zeros(len(table)) if self._column is None else table[:, self._column]
        return prices

    def _gains(self, table: Floats) -> Floats:
        gains: Floats = table[:, SCORE].copy()
        for column, multiplier in self._multipliers.items():
            gains -= multiplier * table[:, column]
        return gains

    def _to_bins(self, above_floor: Floats) -> Ints:
        """Whole bins, rounded down (a hair more against rounding of sums)."""
        if self._column is None or self._bin == 0:
            return np.zeros(len(above_floor), dtype=np.int64)
        bins: Ints = np.floor(above_floor / self._bin - TOLERANCE).astype(np.int64)
        return np.maximum(bins, 0)

    def _top(self, limit: float) -> int:
        """The last bin within a limit."""
        if limit < self._floor and self._column is not None:
            return -1
        if self._bins == 0:
            return 0
        return min(int((limit - self._floor) / self._bin + TOLERANCE), self._bins)

    def _layer_axis(self, stages: list[list[StageOptions]]) -> tuple[list[int], int, int]:
        """Fewest layers of each stage, step between counts, and steps the budget leaves."""
        counts = [np.unique(np.concatenate([o.table[:, LAYERS] for o in s])) for s in stages]
        if any(len(c) == 0 for c in counts):  # no choice of some stage is within the memory
            return [0] * len(stages), 1, -1
        fewest = [int(c.min()) for c in counts]
        extra = [c.astype(np.int64) - f for c, f in zip(counts, fewest, strict=True)]
        step = max(int(np.gcd.reduce(np.concatenate(extra))), 1)
        room = sum(int(c.max()) for c in extra)
        limit = self._limit("layers")
        if limit is not None:
            room = min(room, floor(limit + TOLERANCE) - sum(fewest))
        return fewest, step, room // step

    def _edges_of(self, index: int, options: StageOptions) -> Edges:
        table = options.table
        bins = self._to_bins(self._prices(table) - self._floors[index])
        gains = self._gains(table)
        layers = (table[:, LAYERS].astype(np.int64) - self._fewest[index]) // self._step
        edges: Edges = {}
        affordable = (bins <= self._bins) & (layers <= self._layers)
        for out, added in sorted(
            set(zip(*(a[affordable].tolist() for a in (options.out_width, layers)), strict=True))
        ):
            places = np.flatnonzero(affordable & (options.out_width == out) & (layers == added))
            places = places[np.lexsort((-gains[places], bins[places]))]
            best = np.maximum.accumulate(gains[places])
            better = np.concatenate([[True], gains[places][1:] > best[:-1]])
            places = places[better]
            bundle = Bundle(bins[places], gains[places], options.codes[places])
            edges.setdefault(out, {})[added] = bundle
        return edges

    # The forward pass.

    def _run(self) -> None:
        start = np.full((self._layers + 1, self._bins + 1), -inf)
        start[0, 0] = 0.0
        states: dict[State, Floats] = {((), 0): start}
        for index in range(len(self._edges) - 1):
            self._values.append(states)
            states = self._advance(index, states)
        self._values.append(states)
        self._finish(states)

    def _advance(self, index: int, states: dict[State, Floats]) -> dict[State, Floats]:
        after: dict[State, Floats] = {}
        for state, values in states.items():
            rows = np.flatnonzero(np.isfinite(values).any(axis=1))
            if len(rows) == 0:
                continue
            low, high = int(rows[0]), int(rows[-1]) + 1
            for out, bundles in self._edges[index][state[1]].items():
                target = self._options.next_state(index, state, out)
                if target not in after:
                    after[target] = np.full_like(values, -inf)
                reached = after[target]
                for added, bundle in bundles.items():
                    source = values[low : min(high, self._layers + 1 - added)]
                    place = reached[low + added : low + added + len(source)]
                    for cost, gain in zip(bundle.bins.tolist(), bundle.gains.tolist(), strict=True):
                        room = place[:, cost:]
                        np.maximum(room, source[:, : room.shape[1]] + gain, out=room)
        return after

    def _finish(self, states: dict[State, Floats]) -> None:
        """The last stage, then neck and head; only the best over layer counts matters now."""
        last = len(self._edges) - 1
        for state, values in states.items():
            up_to = np.maximum.accumulate(values, axis=0)
            for out, bundles in self._edges[last][state[1]].items():
                target = self._options.next_state(last, state, out)
                shift, gain_of_rest = self._rest(target[0])
                if shift > self._bins:
                    continue
                if target not in self._ends:
                    self._ends[target] = np.full(self._bins + 1, -inf)
                reached = self._ends[target]
                for added, bundle in bundles.items():
                    source = up_to[self._layers - added]
                    for cost, gain in zip(
                        (bundle.bins + shift).tolist(),
                        (bundle.gains + gain_of_rest).tolist(),
                        strict=True,
                    ):
                        room = reached[cost:]
                        np.maximum(room, source[: len(room)] + gain, out=room)

    def _rest(self, taps: tuple[int, ...]) -> tuple[int, float]:
        """Bins and (relaxed) score of neck and head."""
        row = self._rests[taps][None]
        limit = self._limit("memory_bytes")
        if limit is not None and row[0, MEMORY] > limit * (1 + TOLERANCE):
            return self._bins + 1, 0.0
        above = self._prices(row) - (self._floor - sum(self._floors))
        return int(self._to_bins(above)[0]), float(self._gains(row)[0])

    # Following a value back to the network behind it.

    def _ends_within(self, top: int) -> Iterator[tuple[float, State, int]]:
        """(value, state, bin) of ends within `top` bins, best first.

        For each state its best end comes first, then the best in fewer bins, and so on.
        """
        waiting: list[tuple[float, State, int]] = []

        def wait(state: State, top: int) -> None:
            values = self._ends[state][: top + 1]
            if len(values) and np.isfinite(best := values.max()):
                heappush(waiting, (-float(best), state, int(values.argmax())))

        for state in self._ends:
            wait(state, top)
        while waiting:
            negative, state, place = heappop(waiting)
            yield -negative, state, place
            wait(state, place - 1)

    def _trace(self, state: State, place: int) -> Genomes:
        shift, gain_of_rest = self._rest(state[0])
        last = len(self._edges) - 1
        sources = {
            source: np.maximum.accumulate(values, axis=0)
            for source, values in self._values[last].items()
        }
        value = self._ends[state][place] - gain_of_rest
        place -= shift
        layers = self._layers
        path: list[Genomes] = []
        for index in range(last, -1, -1):
            if index < last:
                sources = self._values[index]
                value = self._values[index + 1][state][layers, place]
            state, layers, place, code = self._source(index, sources, state, layers, place, value)
            path.append(code)
            if index == last:  # from "at most so many layers" to the exact count
                values = self._values[index][state][: layers + 1, place]
                layers = int(values.argmax())
        return np.concatenate(path[::-1])

    def _source(
        self,
        index: int,
        sources: Mapping[State, Floats],
        target: State,
        layers: int,
        place: int,
        value: float,
    ) -> tuple[State, int, int, Genomes]:
        """The state, layers, bin and choice that a value came from."""
        nearest: tuple[float, tuple[State, int, int, Genomes]] | None = None
        for source, values in sources.items():
            if self._options.next_state(index, source, target[1]) != target:
                continue
            for added, bundle in self._edges[index][source[1]].get(target[1], {}).items():
                bins = bundle.bins[bundle.bins <= place]
                if added > layers or len(bins) == 0:
                    continue
                sums = values[layers - added, place - bins] + bundle.gains[: len(bins)]
                best = int(sums.argmax())
                if nearest is None or sums[best] > nearest[0]:
                    found = (source, layers - added, place - int(bins[best]), bundle.codes[best])
                    nearest = (float(sums[best]), found)
        assert nearest is not None
        assert abs(nearest[0] - value) <= 1e-6 * max(1.0, abs(value))
        return nearest[1]


def _reachable_taps(options: Options) -> set[tuple[int, ...]]:
    """Every combination of feature widths that some network has."""
    states: set[State] = {((), 0)}
    for index, stage in enumerate(options.stages):
        states = {
            options.next_state(index, state, out)
            for state in states
            for out in np.unique(stage[state[1]].out_width).tolist()
        }
    return {taps for taps, _ in states}
