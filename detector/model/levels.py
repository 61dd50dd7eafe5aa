"""Levels of a detector: the feature maps p3, p4 and p5 at strides 8, 16 and 32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

LEVELS = (3, 4, 5)  # level n has stride 2 ** n


def by_level(values: Sequence[T]) -> dict[str, T]:
    """Values that belong to the levels, finest first, under the names "p3", "p4" and "p5".

    Raises:
        ValueError: if there is not one value for each level.
    """
    return {f"p{level}": value for level, value in zip(LEVELS, values, strict=True)}


def at_levels(values: Sequence[T], levels: Sequence[int]) -> list[T]:
    """The values of some levels, in the order of `levels`.

    Args:
        values: one for each of `LEVELS`, finest first.
        levels: numbers out of `LEVELS`.
    """
    maps = by_level(values)
    return [maps[f"p{level}"] for level in levels]
