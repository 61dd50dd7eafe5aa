"""The genes of a stage with a choice of blocks, kept to what the chosen block can have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from maenas.search_spaces.stage import BLOCK, AnyOf


class BlockChoice:
    """The genes of one stage with a choice of blocks.

    Args:
        stage: space of the stage.
        columns: columns of its genes among those of the space.
    """

    def __init__(self, stage: AnyOf, columns: Sequence[int]) -> None:
        fields = dict(zip(stage.choices, columns, strict=True))
        kinds = range(len(stage.alternatives))
        self._block = fields.pop(BLOCK)
        # By column: (blocks, values), the nearest index that a block can have.
        self._nearest = {
            column: np.array([stage.nearest(kind, field) for kind in kinds], dtype=np.int16)
            for field, column in fields.items()
        }
        # By column: of each block the indices that it can have; one if it has no such choice.
        self._allowed = {
            column: [np.array(stage.allowed(kind, field), dtype=np.int16) for kind in kinds]
            for field, column in fields.items()
        }

    def settle(self, genomes: NDArray[np.int16]) -> None:
        """Move each gene to the nearest value that the chosen block can have, in place."""
        kind = genomes[:, self._block]
        for column, nearest in self._nearest.items():
            genomes[:, column] = nearest[kind, genomes[:, column]]

    def draw_new(
        self, rng: np.random.Generator, genomes: NDArray[np.int16], before: NDArray[np.int16]
    ) -> None:
        """Draw the choices that a new block has and the block before did not have, in place."""
        for column, allowed in self._allowed.items():
            sizes = np.array([len(indices) for indices in allowed])
            new, old = genomes[:, self._block], before[:, self._block]
            shares = rng.random(len(genomes))
            for kind, indices in enumerate(allowed):
                rows = np.flatnonzero((new == kind) & (old != kind) & (sizes[old] == 1))
                picked = (shares[rows] * len(indices)).astype(np.int64)
                genomes[rows, column] = indices[picked]
