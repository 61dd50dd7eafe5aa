"""Random genomes and mutations of genomes in batches, for every search space."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from maenas.search_spaces.block_choice import BlockChoice
from maenas.search_spaces.space import Space
from maenas.search_spaces.stage import AnyOf

Genomes = NDArray[np.int16]  # (n, genes), indices into the values of each gene

EXCHANGE_RATE = 0.4  # share of mutations that move cost from one stage to another
SHIFT_RATE = 0.2  # share of mutations that move one field of several neighbouring stages
STAGE_RATE = 0.15  # share of mutations that change several genes of one stage
STEP_RATE = 0.7  # share of changed genes that move by one or two values
CROSSOVER_RATE = 0.3  # share of children that take stages from a mate
MAX_REDRAWS = 200


class Moves:
    """Draws and mutates legal genomes of one space, with the random generator of the caller."""

    def __init__(self, space: Space) -> None:
        self.genes = space.genes
        self.sizes = np.array([len(gene.values) for gene in self.genes], dtype=np.int64)
        self._columns = [
            [column for column, gene in enumerate(self.genes) if gene.stage == index]
            for index in range(len(space.stages))
        ]
        self._legal = [_legal_table(space, index) for index in range(len(space.stages))]
        self._radices = [_radices(self.sizes[columns]) for columns in self._columns]
        self._widths = _width_columns(space) if space.widths_never_shrink else []
        self._values = [np.array(gene.values) for gene in self.genes]
        self._stage_of = np.array([gene.stage for gene in self.genes])
        self._is_category = np.array([gene.is_category for gene in self.genes])
        self._block_choices = [
            BlockChoice(stage, columns)
            for stage, columns in zip(space.stages, self._columns, strict=True)
            if isinstance(stage, AnyOf)
        ]
        self._pairs, self._runs = _related_genes(space)

    def legal(self, genomes: Genomes) -> NDArray[np.bool_]:
        """(n,), whether a genome has legal stages and, if required, widths that never shrink."""
        ok = np.ones(len(genomes), dtype=bool)
        for columns, table, radices in zip(self._columns, self._legal, self._radices, strict=True):
            if columns:
                ok &= table[genomes[:, columns] @ radices]
        previous: NDArray[np.float64] | float | None = None
        for column, fixed in self._widths:
            width = self._values[column][genomes[:, column]] if column is not None else fixed
            if previous is not None:
                ok &= width >= previous
            previous = width
        return ok

    def sample(self, rng: np.random.Generator, count: int, all_sizes: bool = False) -> Genomes:
        """(n, genes), `count` random legal genomes.

        Widths are drawn from those at least as wide as the previous stage, other genes uniformly.
        Illegal genomes are drawn again, at most `MAX_REDRAWS` times; only then may fewer genomes
        be returned.

        Args:
            rng: random generator.
            count: number of genomes.
            all_sizes: whether to draw a share for each genome and limit all ranges to this share,
                so that small networks are as likely as large ones.
        """
        kept: list[Genomes] = []
        missing = count
        for _ in range(MAX_REDRAWS):
            drawn = self._draw(rng, max(64, 2 * missing), all_sizes)
            kept.append(drawn[self.legal(drawn)][:missing])
            missing -= len(kept[-1])
            if missing == 0:
                break
        return np.concatenate(kept)

    def mutate(self, rng: np.random.Generator, parents: Genomes, mates: Genomes) -> Genomes:
        """One child per parent, without illegal children.

        With probability `CROSSOVER_RATE` a child takes whole stages from its mate. Then one of four
        mutations changes it. A stage whose block changes gets random values of the fields that the
        block before did not have.
        """
        children = self._cross(rng, parents, mates)
        crossed = children.copy() if self._block_choices else children
        drawn = rng.random(len(children))
        kind = np.searchsorted(np.cumsum([EXCHANGE_RATE, SHIFT_RATE, STAGE_RATE]), drawn, "right")
        for index, move in enumerate((self._exchange, self._shift, self._restage, self._change)):
            children[kind == index] = move(rng, children[kind == index])
        if self._block_choices:
            self._settle(rng, children, crossed)
            # Genes that the chosen blocks do not have were moved in vain.
            same = np.flatnonzero((children == crossed).all(axis=1))
            again = self._change(rng, children[same])
            self._settle(rng, again, crossed[same])
            children[same] = again
        return children[self.legal(children)]

    def _settle(self, rng: np.random.Generator, genomes: Genomes, before: Genomes) -> None:
        """Keep the genes of each stage to what its block can have, in place."""
        for choice in self._block_choices:
            choice.settle(genomes)
            choice.draw_new(rng, genomes, before)

    def _cross(self, rng: np.random.Generator, parents: Genomes, mates: Genomes) -> Genomes:
        stages = len(self._columns)
        crossed = rng.random(len(parents)) < CROSSOVER_RATE
        from_mate = rng.random((len(parents), stages)) < 0.5
        from_mate &= crossed[:, None]
        children: Genomes = np.where(from_mate[:, self._stage_of], mates, parents)
        return children

    def _change(self, rng: np.random.Generator, genomes: Genomes) -> Genomes:
        """Change one gene, and each other gene with a small probability."""
        count, genes = genomes.shape
        rate = rng.choice([0.0, 1.0 / genes, 2.0 / genes], size=(count, 1))
        chosen = rng.random((count, genes)) < rate
        chosen[np.arange(count), rng.integers(genes, size=count)] = True
        return self._altered(rng, genomes, chosen)

    def _restage(self, rng: np.random.Generator, genomes: Genomes) -> Genomes:
        """Change about half the genes of one stage, since some must change together."""
        count, genes = genomes.shape
        stage = self._stage_of[rng.integers(genes, size=count)]
        chosen = (self._stage_of == stage[:, None]) & (rng.random((count, genes)) < 0.5)
        return self._altered(rng, genomes, chosen)

    def _altered(
        self, rng: np.random.Generator, genomes: Genomes, chosen: NDArray[np.bool_]
    ) -> Genomes:
        """The genomes with each chosen gene moved by one or two values, or drawn again.

        A value without an order becomes any other.
        """
        steps = rng.choice(np.array([-2, -1, 1, 2]), size=genomes.shape)
        stepped = np.clip(genomes + steps, 0, self.sizes - 1)
        shares = rng.random(genomes.shape)
        redrawn = (shares * self.sizes).astype(np.int64)
        moved = np.where(rng.random(genomes.shape) < STEP_RATE, stepped, redrawn)
        if self._is_category.any():
            other = (genomes + 1 + (shares * (self.sizes - 1)).astype(np.int64)) % self.sizes
            moved = np.where(self._is_category, other, moved)
        return np.where(chosen, moved, genomes).astype(np.int16)

    def _exchange(self, rng: np.random.Generator, genomes: Genomes) -> Genomes:
        """Increase a gene of one stage and decrease the gene of the same field in another stage."""
        if not len(self._pairs):
            return self._change(rng, genomes)
        rows = np.arange(len(genomes))
        pairs = self._pairs[rng.integers(len(self._pairs), size=len(genomes))]
        moved = genomes.astype(np.int64)
        moved[rows, pairs[:, 0]] += rng.integers(1, 4, size=len(genomes))
        moved[rows, pairs[:, 1]] -= rng.integers(1, 4, size=len(genomes))
        return np.clip(moved, 0, self.sizes - 1).astype(np.int16)

    def _shift(self, rng: np.random.Generator, genomes: Genomes) -> Genomes:
        """Move one field of several neighbouring stages in the same direction."""
        if not len(self._runs):
            return self._change(rng, genomes)
        runs = self._runs[rng.integers(len(self._runs), size=len(genomes))]
        steps = rng.choice(np.array([-3, -2, -1, 1, 2, 3]), size=(len(genomes), 1))
        moved: Genomes = np.clip(genomes + runs * steps, 0, self.sizes - 1).astype(np.int16)
        return moved

    def _draw(self, rng: np.random.Generator, count: int, all_sizes: bool) -> Genomes:
        share = rng.random((count, 1)) if all_sizes else np.ones((count, 1))
        tops = np.maximum(self.sizes * np.where(self._is_category, 1.0, share), 1.0)
        drawn = (rng.random((count, len(self.sizes))) * tops).astype(np.int16)
        previous = np.zeros(count)
        for column, fixed in self._widths:
            if column is None:
                previous = np.full(count, fixed)
                continue
            values = self._values[column]
            low = np.searchsorted(values, previous)
            room = np.maximum((len(values) - low) * share[:, 0], 1)
            index = np.minimum(low + (rng.random(count) * room).astype(np.int64), len(values) - 1)
            drawn[:, column] = index
            previous = values[index].astype(float)
        for choice in self._block_choices:
            choice.settle(drawn)
        return drawn


def _related_genes(space: Space) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n, 2) pairs of genes of one field, and (m, genes) masks of runs of neighbouring genes.

    Only genes whose values have an order are among them. The gene of a field that only one stage
    has forms a pair with itself and a run of length one.
    """
    genes = space.genes
    pairs, runs = [], []
    for field in sorted({gene.field for gene in genes if not gene.is_category}):
        columns = [
            c for c, gene in enumerate(genes) if gene.field == field and not gene.is_category
        ]
        pairs += [(a, b) for a in columns for b in columns if a != b or len(columns) == 1]
        for first in range(len(columns)):
            for last in range(first + 1, len(columns) + 1):
                if last - first > 1 or len(columns) == 1:
                    runs.append(np.isin(np.arange(len(genes)), columns[first:last]))
    return np.array(pairs, dtype=np.int64), np.array(runs, dtype=np.int64)


def _legal_table(space: Space, stage: int) -> NDArray[np.bool_]:
    """Legality of every code of a stage, in lexicographic order."""
    sizes = [len(values) for values in space.stages[stage].choices.values()]
    table = np.zeros(prod(sizes), dtype=bool)
    radices = _radices(np.array(sizes, dtype=np.int64))
    for code in space.legal_codes(stage):
        table[int(np.dot(code, radices))] = True
    return table


def _radices(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Place values of a mixed-radix number with these digit sizes, the last digit being lowest."""
    return np.array([int(np.prod(sizes[i + 1 :])) for i in range(len(sizes))], dtype=np.int64)


def _width_columns(space: Space) -> list[tuple[int | None, float]]:
    """For each stage with a width: its gene's column, or None and the width if it is fixed."""
    found: list[tuple[int | None, float]] = []
    for index, stage in enumerate(space.stages):
        if "out_channels" in stage.fixed:
            found.append((None, float(stage.fixed["out_channels"])))  # type: ignore[arg-type]
        for column, gene in enumerate(space.genes):
            if gene.stage == index and gene.field == "out_channels":
                found.append((column, 0.0))
    return found
