"""The networks at the ends of a search space."""

from __future__ import annotations

from maenas.search_spaces import AnyOf, Space
from maenas.search_spaces.stage import BLOCK


def last_genome(space: Space) -> list[int]:
    """The genome of the largest values; with a choice of blocks, of the last block."""
    genome: list[int] = []
    for stage in space.stages:
        if isinstance(stage, AnyOf):
            kind = len(stage.alternatives) - 1
            fields = (field for field in stage.choices if field != BLOCK)
            genome += [kind, *(max(stage.allowed(kind, field)) for field in fields)]
        else:
            genome += [len(values) - 1 for values in stage.choices.values()]
    return genome


def chooses_blocks(space: Space) -> bool:
    """Whether a stage has a choice of blocks."""
    return any(isinstance(stage, AnyOf) for stage in space.stages)
