"""Every choice of every stage with its score and costs: the input of the exact solvers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from maenas.budgets.arrays import Float64Array
from maenas.budgets.budget import BudgetError
from maenas.nas.evaluator import Evaluator
from maenas.nas.priced_stages import MEMORY
from maenas.search_spaces.moves import Genomes

Ints = NDArray[np.int64]
MAX_OPTIONS = 1_000_000


@dataclass(frozen=True, slots=True)
class StageOptions:
    """All legal choices of one stage for one input width.

    Attributes:
        codes: (n, genes of the stage), indices into the values of the genes.
        out_width: (n,), index of the output width.
        table: (n, columns of the evaluator), score, costs and layers.
    """

    codes: Genomes
    out_width: Ints
    table: Float64Array

    def select(self, keep: NDArray[np.bool_]) -> StageOptions:
        """The choices where `keep` is true."""
        return StageOptions(self.codes[keep], self.out_width[keep], self.table[keep])


State = tuple[tuple[int, ...], int]  # widths of the features so far, output width


class Options:
    """The stages of a problem as a graph whose states are widths and whose edges are choices.

    Neck and head depend on the widths of all features, so a state includes these widths.

    Raises:
        BudgetError: if the space has too many choices to list.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.space = evaluator.problem.space
        codes = [
            np.array(list(self.space.legal_codes(index)), dtype=np.int16)
            for index in range(len(self.space.stages))
        ]
        total = sum(
            len(stage.in_widths) * len(code)
            for stage, code in zip(evaluator.stages, codes, strict=True)
        )
        if total > MAX_OPTIONS:
            raise BudgetError(
                f"space {self.space.name}: {total:,} choices are too many to list (at most "
                f"{MAX_OPTIONS:,}); coarsen its steps."
            )
        self.stages = [
            [self._stage_options(index, width, codes[index]) for width in range(len(s.in_widths))]
            for index, s in enumerate(evaluator.stages)
        ]

    def under(self, limits: Mapping[str, float]) -> Options:
        """The same choices under other limits."""
        other = copy(self)
        other.evaluator = self.evaluator.under(limits)
        return other

    def _stage_options(self, index: int, width: int, codes: Genomes) -> StageOptions:
        stage = self.evaluator.stages[index]
        genes = [c for c, gene in enumerate(self.space.genes) if gene.stage == index]
        genomes = np.zeros((len(codes), len(self.space.genes)), dtype=np.int16)
        genomes[:, genes] = codes
        incoming = np.full(len(codes), width)
        sums, peak = np.zeros((len(codes), self.evaluator.width - 1)), np.zeros(len(codes))
        stage.add_to(sums, peak, genomes, incoming)
        table = np.column_stack([sums, peak])
        options = StageOptions(codes, stage.width_after(genomes, incoming), table)
        if not self.space.widths_never_shrink:
            return options
        leaving = np.array(stage.out_widths)[options.out_width]
        keeps = leaving >= stage.in_widths[width] if index > 0 else np.ones(len(codes), bool)
        return options.select(keeps)

    def next_state(self, stage: int, state: State, out_width: int) -> State:
        """The state after a stage with the given output width."""
        taps, _ = state
        return ((*taps, out_width) if stage in self.space.features else taps, out_width)

    def rest(self, taps: tuple[int, ...]) -> Float64Array:
        """(columns of the evaluator,), row of neck and head for these feature widths."""
        widths = [np.array([tap]) for tap in taps]
        row: Float64Array = self.evaluator.rest.rows(widths, self.evaluator.stages)[0]
        return row

    @cached_property
    def rests(self) -> dict[tuple[int, ...], Float64Array]:
        """Rows of neck and head for all combinations of feature widths in the space."""
        states: set[State] = {((), 0)}
        for index, stage in enumerate(self.stages):
            states = {
                self.next_state(index, state, out)
                for state in states
                for out in np.unique(stage[state[1]].out_width).tolist()
            }
        return {taps: self.rest(taps) for taps in {taps for taps, _ in states}}

    def genome(self, path: list[Genomes]) -> Genomes:
        """The genome that consists of one choice per stage."""
        return np.concatenate(path)

    def cheapest(self, axis: str) -> tuple[float, Genomes]:
        """The lowest cost of any network on one axis, and a network with this cost."""
        column = self.evaluator.columns[axis]
        return self._shortest(lambda table: table[:, column], is_peak=column == MEMORY)

    def cheapest_sum(self, weights: Mapping[str, float]) -> tuple[float, Genomes]:
        """The lowest weighted sum of additive costs of any network, and a network with it."""
        columns = [self.evaluator.columns[axis] for axis in weights]
        factors = np.array([*weights.values()])
        return self._shortest(lambda table: table[:, columns] @ factors, is_peak=False)

    def _shortest(
        self, price_of: Callable[[Float64Array], Float64Array], is_peak: bool
    ) -> tuple[float, Genomes]:
        """The shortest path through the graph; for a peak, the path with the smallest maximum."""
        best: dict[State, tuple[float, list[Genomes]]] = {((), 0): (0.0, [])}
        for index, stage in enumerate(self.stages):
            after: dict[State, tuple[float, list[Genomes]]] = {}
            for state, (price, path) in best.items():
                options = stage[state[1]]
                steps = price_of(options.table)
                for out in np.unique(options.out_width).tolist():
                    there = np.flatnonzero(options.out_width == out)
                    position = there[steps[there].argmin()]
                    step = float(steps[position])
                    total = max(price, step) if is_peak else price + step
                    target = self.next_state(index, state, out)
                    if target not in after or total < after[target][0]:
                        after[target] = (total, [*path, options.codes[position]])
            best = after
        ends = []
        for (taps, _), (price, path) in best.items():
            rest = float(price_of(self.rest(taps)[None])[0])
            ends.append((max(price, rest) if is_peak else price + rest, path))
        price, path = min(ends, key=lambda end: end[0])
        return price, self.genome(path)
