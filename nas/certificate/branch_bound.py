"""Branch and bound over stages, last to first: closes the gap that Lagrange multipliers leave.

With several additive budgets, a dynamic program bounds the score through multipliers, and its
optimum may exceed a budget. Branch and bound chooses the last stages one by one. Several programs
with different multipliers bound what the earlier stages can add. A node whose bound is not above
the best network so far is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite

import numpy as np
from numpy.typing import NDArray

from maenas.budgets.arrays import Float64Array
from maenas.nas.certificate.options import Ints, State
from maenas.nas.certificate.program import Certified, Program
from maenas.nas.evaluator import Evaluator
from maenas.nas.priced_stages import LAYERS, SCORE
from maenas.nas.problem import TOLERANCE
from maenas.search_spaces.moves import Genomes

WIDTHS = (200, 2_000, 12_000)  # nodes kept at each stage, one value per pass
CLOSE = 2e-4  # share of the score; nodes whose bound exceeds the best by less are dropped


@dataclass(frozen=True, slots=True)
class Nodes:
    """Partial networks whose last stages are chosen.

    Attributes:
        state: (n,), index of the state before the chosen stages.
        rows: (n, columns of the evaluator), sums over the chosen stages, neck and head.
        bound: (n,), upper bound on the score of any completion.
        codes: (n, genes of the chosen stages), indices into the values of the genes.
    """

    state: Ints
    rows: Float64Array
    bound: Float64Array
    codes: Genomes

    def at(self, which: NDArray[np.int64]) -> Nodes:
        """The nodes at some indices."""
        return Nodes(self.state[which], self.rows[which], self.bound[which], self.codes[which])


def branch_and_bound(
    programs: Sequence[Program], evaluator: Evaluator, limit: float, known: Certified
) -> Certified:
    """Bounds on the best score under several additive budgets, at least as tight as `known`.

    Args:
        programs: solved programs with one main quantity and limit, and different multipliers.
        evaluator: evaluator of the problem.
        limit: limit on `Problem.ranged`.
        known: certificate so far.
    """
    for width in WIDTHS:
        if known.gap is not None and known.gap <= CLOSE:
            break
        known = known.joined(_Round(programs, evaluator, width, known).run(limit))
    return known


class _Round:
    """One pass from the last stage to the first that keeps at most `width` nodes per stage."""

    def __init__(
        self, programs: Sequence[Program], evaluator: Evaluator, width: int, known: Certified
    ) -> None:
        self._programs = programs
        self._evaluator = evaluator
        self._width = width
        self._goal = -inf if known.score is None else known.score + CLOSE * abs(known.score)
        self._dropped = -inf  # highest bound of a dropped node
        self._prefix = [_Prefixes(program) for program in programs]
        self._states: list[State] = []

    def run(self, limit: float) -> Certified:
        """Run the pass and return the bounds that it proves."""
        options = self._programs[0].options
        nodes = self._ends()
        for index in range(len(options.stages) - 1, -1, -1):
            nodes = self._expanded(nodes, index)
            order = np.argsort(-nodes.bound, kind="stable")
            if len(order) > self._width:
                self._dropped = max(self._dropped, float(nodes.bound[order[self._width]]))
            nodes = nodes.at(order[: self._width])
        upper, lower, genome = self._dropped, None, None
        if len(nodes.codes):
            found = self._evaluator(nodes.codes)
            within = found.feasible & (found.prices <= limit * (1 + TOLERANCE))
            scores = np.where(within, found.scores, -inf)
            position = int(scores.argmax())
            if within[position]:
                lower, genome = float(scores[position]), nodes.codes[position]
                upper = max(upper, lower)
        slack = TOLERANCE * abs(upper) if isfinite(upper) else 0.0  # for rounding errors
        return Certified(limit, upper + slack, lower, genome)

    def _ends(self) -> Nodes:
        """The root nodes, with no stage chosen: one for each state after the last stage."""
        first = self._programs[0]
        options = first.options
        last = len(options.stages) - 1
        ends = {
            options.next_state(last, state, out)
            for state in first.values[last]
            for out in np.unique(first.stages[last][state[1]].out_width).tolist()
        }
        self._states = sorted(end for end in ends if first.rest_within_memory(end[0]))
        rows = np.array([first.rests[taps] for taps, _ in self._states])
        count = len(self._states)
        return Nodes(
            np.arange(count), rows, np.full(count, inf), np.empty((count, 0), dtype=np.int16)
        )

    def _expanded(self, nodes: Nodes, index: int) -> Nodes:
        """The children of all nodes: every choice of one more stage with a bound above the goal."""
        first = self._programs[0]
        sources = list(first.values[index])
        made: list[Nodes] = []
        for number in np.unique(nodes.state).tolist():
            target = self._states[number]
            group = nodes.at(np.flatnonzero(nodes.state == number))
            for position, source in enumerate(sources):
                if first.options.next_state(index, source, target[1]) != target:
                    continue
                options = first.stages[index][source[1]]
                options = options.select(options.out_width == target[1])
                made.append(
                    self._joined(group, options.table, options.codes, index, position, source)
                )
        self._states = sources
        if not made:
            return nodes.at(np.empty(0, dtype=np.int64))
        return Nodes(
            *(
                np.concatenate([getattr(part, name) for part in made])
                for name in ("state", "rows", "bound", "codes")
            )
        )

    def _joined(
        self,
        group: Nodes,
        table: Float64Array,
        codes: Genomes,
        index: int,
        position: int,
        source: State,
    ) -> Nodes:
        """Every node of a group with every choice of a stage, if its bound is above the goal."""
        above, choice = (
            grid.ravel()
            for grid in np.meshgrid(
                np.arange(len(group.rows)), np.arange(len(table)), indexing="ij"
            )
        )
        bound = np.full(len(above), inf)
        columns = sorted({LAYERS, SCORE, *(c for p in self._programs for c in p.columns)})
        rows = np.zeros((len(above), table.shape[1]))
        rows[:, columns] = group.rows[above][:, columns] + table[choice][:, columns]
        for prefix in self._prefix:
            bound = np.minimum(bound, prefix.bound(index, source, rows))
            keep = bound > self._goal
            if not keep.all():
                lost = bound[~keep]
                self._dropped = max(self._dropped, float(lost.max(initial=-inf)))
                above, choice, rows, bound = above[keep], choice[keep], rows[keep], bound[keep]
        joined = np.concatenate([codes[choice], group.codes[above]], axis=1)
        return Nodes(np.full(len(above), position), rows, bound, joined)


class _Prefixes:
    """Upper bounds from one program on what the stages before a given stage can add."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._best: dict[tuple[int, State], Float64Array] = {}

    def bound(self, index: int, source: State, rows: Float64Array) -> Float64Array:
        """(n,), upper bounds on the scores of networks with these later stages, neck and head.

        Args:
            index: first stage that is chosen.
            source: state before that stage.
            rows: (n, columns of the evaluator), sums over the chosen stages, neck and head.
        """
        program = self._program
        key = (index, source)
        if key not in self._best:
            values = np.maximum.accumulate(program.values[index][source], axis=0)
            self._best[key] = np.maximum.accumulate(values, axis=1)
        layers, bins = program.room(index, rows)
        legal = (layers >= 0) & (bins >= 0)
        best = self._best[key][np.where(legal, layers, 0), np.where(legal, bins, 0)]
        gains = program.gains(rows) + program.constant
        return np.where(legal, best + gains, -inf)
