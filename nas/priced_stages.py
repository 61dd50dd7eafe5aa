"""Score and costs of single stages, and of neck and head: computed once for each choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from maenas.blocks import Block, Op, Shape
from maenas.budgets.arrays import Float64Array
from maenas.budgets.cost import CostTable
from maenas.nas.problem import Problem
from maenas.nas.scores.max_entropy import log_gain
from maenas.search_spaces.moves import Genomes
from maenas.search_spaces.stage import Value, own_values

# Columns of a stage's row, which are sums over operators; the latencies on further devices follow.
SCORE, LATENCY, MACS, PARAMS, LAYERS, CONVS, GAIN, FURTHER = range(8)
MEMORY = -1  # the last column is a maximum over operators
COLUMN: dict[str, int] = {
    "latency_ms": LATENCY,
    "macs": MACS,
    "params": PARAMS,
    "layers": LAYERS,
    "memory_bytes": MEMORY,
}


class Memo:
    """Rows of numbers by integer key; each is computed at its first use."""

    def __init__(self, columns: int) -> None:
        self._index: dict[int, int] = {}
        self._rows = np.empty((256, columns))

    def __len__(self) -> int:
        return len(self._index)

    def take(self, keys: NDArray[np.int64], compute) -> Float64Array:  # type: ignore[no-untyped-def]
        """(n, columns), rows of (n,) keys; `compute(key)` returns the row of a new key."""
        index = self._index
        positions = []
        for key in keys.tolist():
            position = index.get(key)
            if position is None:
                row = compute(key)
                position = index[key] = len(index)
                if position == len(self._rows):
                    self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
                self._rows[position] = row
            positions.append(position)
        rows: Float64Array = self._rows[positions]
        return rows


class StageTable:
    """Score and cost of one stage for each input width and each choice except depth.

    Attributes:
        in_widths: possible input widths, ascending.
        out_widths: possible output widths, ascending.
    """

    def __init__(
        self,
        problem: Problem,
        index: int,
        in_widths: Sequence[int],
        size: tuple[int, int],
        costs: CostTable,
    ) -> None:
        space = problem.space
        self.problem = problem
        self.stage = space.stages[index]
        self.in_widths = tuple(in_widths)
        self._size = size
        self._costs = costs
        columns = {g.field: c for c, g in enumerate(space.genes) if g.stage == index}
        # A score that is not linear in depth needs a separate row for each depth.
        self.depth_column = columns.pop("depth", None) if problem.score.linear_in_depth else None
        self.depths = np.array(self.stage.choices.get("depth", (1,)), dtype=np.int64)
        self.columns = list(columns.values())
        self.names = list(columns)
        self.sizes = [len(self.stage.choices[name]) for name in self.names]
        self._width_column = columns.get("out_channels")
        if "out_channels" in self.stage.choices:
            self.out_widths: tuple[int, ...] = tuple(
                int(width) for width in self.stage.choices["out_channels"]
            )
        elif "out_channels" in self.stage.fixed:
            self.out_widths = (int(self.stage.fixed["out_channels"]),)  # type: ignore[call-overload]
        else:
            self.out_widths = self.in_widths  # a stage that keeps its width, such as SPP
        levels = space.decode(space.origin).levels
        self._weight, self._width_weight = problem.score.stage_weights(levels)[index]
        self._width = FURTHER + len(problem.further) + 1
        self._memo = Memo(2 * self._width)

    def __len__(self) -> int:
        return len(self._memo)

    def rows(self, genomes: Genomes, width: NDArray[np.int64]) -> tuple[Float64Array, Float64Array]:
        """(n, columns) for the first unit and (n, columns) for each further unit.

        Args:
            genomes: (n, genes), genomes to evaluate.
            width: (n,), indices into `in_widths`.
        """
        keys = width.astype(np.int64)
        for column, size in zip(self.columns, self.sizes, strict=True):
            keys = keys * size + genomes[:, column]
        return self.rows_of_keys(keys)

    def rows_of_keys(self, keys: NDArray[np.int64]) -> tuple[Float64Array, Float64Array]:
        """`rows` by key: a mixed-radix number of the input width and the choices except depth."""
        both = self._memo.take(keys, self._compute)
        return both[:, : self._width], both[:, self._width :]

    def add_to(
        self, sums: Float64Array, peak: Float64Array, genomes: Genomes, width: NDArray[np.int64]
    ) -> None:
        """Add this stage of each genome to its sums, and update its peak memory.

        Only this method combines the units of a stage: each unit after the first adds the same,
        and the peak memory is that of a later unit if there is one.

        Args:
            sums: (n, columns but the last), columns that are sums, changed in place.
            peak: (n,), peak memory so far in bytes, changed in place.
            genomes: (n, genes), genomes to evaluate.
            width: (n,), indices into `in_widths`.
        """
        first, deeper = self.rows(genomes, width)
        memory = first[:, MEMORY]
        sums += first[:, :MEMORY]
        units = self._units_after_first(genomes)
        if units is not None:
            sums += deeper[:, :MEMORY] * units[:, None]
            memory = np.where(units > 0, deeper[:, MEMORY], memory)
        np.maximum(peak, memory, out=peak)

    def _units_after_first(self, genomes: Genomes) -> NDArray[np.int64] | None:
        """(n,), number of units after the first; None if depth is fixed."""
        if self.depth_column is None:
            return None
        units: NDArray[np.int64] = self.depths[genomes[:, self.depth_column]] - 1
        return units

    def width_after(self, genomes: Genomes, width: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n,), output widths as indices into `out_widths`."""
        if self._width_column is not None:
            return genomes[:, self._width_column].astype(np.int64)
        if len(self.out_widths) == 1:
            return np.zeros(len(genomes), dtype=np.int64)
        return width

    def values_of_key(self, key: int) -> tuple[int, dict[str, Value]]:
        """Index of the input width, and the value of every choice except depth."""
        values: dict[str, Value] = {}
        for name, size in zip(reversed(self.names), reversed(self.sizes), strict=True):
            key, digit = divmod(key, size)
            values[name] = self.stage.choices[name][digit]
        return key, values

    def _compute(self, key: int) -> list[float]:
        width, values = self.values_of_key(key)
        shape = (self.in_widths[width], *self._size)
        if self.depth_column is None:
            row = self._row(self.stage.build(values), shape)
            return [*row, *([0.0] * len(row))]
        one = self.stage.chosen(values)
        depths = one.choices.get("depth")
        block = one.build(
            own_values(one, values if depths is None else {**values, "depth": depths[0]})
        )
        if not has_depth(block):  # one of several blocks; the others have a depth
            row = self._row(block, shape)
            return [*row, *([0.0] * (len(row) - 1)), row[MEMORY]]
        block = with_depth(block, 1)
        first = self._row(block, shape)
        second = self._row(with_depth(block, 2), shape)
        step = [two - one for two, one in zip(second[:MEMORY], first[:MEMORY], strict=True)]
        return [*first, *step, second[MEMORY]]

    def _row(self, block: Block, shape: Shape) -> list[float]:
        ops = list(block.ops(shape))
        gains = [log_gain(op) for op in ops if op.kind == "conv" and op.path == "main"]
        gain = sum(gains)
        price = self._costs(ops)
        score = self.problem.score
        total = self._weight * score.amount(block, ops)
        if self._width_weight:
            total += self._width_weight * score.width(ops[-1].out_shape[0])
        return [
            total,
            price.latency_ms,
            price.macs,
            price.params,
            block.layers,
            len(gains),
            gain,
            *price.further_ms,
            price.memory_bytes,
        ]


class RestTable:
    """Costs of neck and head for each combination of feature widths."""

    def __init__(
        self, problem: Problem, sizes: Sequence[tuple[int, int]], costs: CostTable
    ) -> None:
        self._problem = problem
        self._costs = costs
        self._sizes = sizes
        self._width = FURTHER + len(problem.further) + 1
        self._memo = Memo(self._width)

    def rows(
        self, widths: Sequence[NDArray[np.int64]], stages: Sequence[StageTable]
    ) -> Float64Array:
        """(n, columns), rows for the (n,) width indices of each feature."""
        if self._problem.rest is None:
            return np.zeros((len(widths[0]), self._width))
        tapped = [stages[index].out_widths for index in self._problem.space.features]
        keys = np.zeros(len(widths[0]), dtype=np.int64)
        for width, choices in zip(widths, tapped, strict=True):
            keys = keys * len(choices) + width

        def compute(key: int) -> list[float]:
            shapes: list[Shape] = []
            for choices, size in zip(reversed(tapped), reversed(self._sizes), strict=True):
                key, digit = divmod(key, len(choices))
                shapes.append((choices[digit], *size))
            return self._row(tuple(reversed(shapes)))

        return self._memo.take(keys, compute)

    def _row(self, features: Sequence[Shape]) -> list[float]:
        assert self._problem.rest is not None
        ops: Sequence[Op] = self._problem.rest(features)
        price = self._costs(ops)
        row = [0.0] * self._width
        row[LATENCY], row[MACS], row[PARAMS] = price.latency_ms, price.macs, price.params
        row[FURTHER:MEMORY] = price.further_ms
        row[MEMORY] = price.memory_bytes
        return row


def has_depth(block: Block) -> bool:
    """Whether a stage has a number of units that can be chosen."""
    return any(field.name == "depth" and field.init for field in fields(block))  # type: ignore[arg-type]


def with_depth(block: Block, depth: int) -> Block:
    """The same stage with another number of units."""
    assert has_depth(block)
    deeper: Block = replace(block, depth=depth)  # type: ignore[type-var]
    return deeper
