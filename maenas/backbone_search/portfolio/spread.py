"""Choose networks that are far from each other in a space of features."""

from __future__ import annotations

import numpy as np

from maenas.budgets.arrays import Float64Array


def spread_out(features: Float64Array, count: int) -> list[int]:
    """The first candidate, then always the one that is farthest from all chosen so far.

    Each feature is divided by its standard deviation among the candidates, so that all count
    alike; the distance is Euclidean. Fewer than `count` are returned if no others differ.

    Args:
        features: (n, k), features of the candidates.
        count: number of candidates to choose.
    """
    spread = features.std(axis=0)
    scaled = features / np.where(spread > 0, spread, 1.0)
    chosen = [0]
    while len(chosen) < count:
        distance = distances(scaled, chosen)
        farthest = int(distance.argmax())
        if distance[farthest] <= 0:
            break
        chosen.append(farthest)
    return chosen


def distances(scaled: Float64Array, chosen: list[int]) -> Float64Array:
    """(n,), distance of each candidate from the nearest chosen one."""
    between = np.linalg.norm(scaled[:, None] - scaled[chosen], axis=2)
    nearest: Float64Array = between.min(axis=1)
    return nearest
