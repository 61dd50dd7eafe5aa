"""Ranking of candidates: the best within limits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maenas.budgets.arrays import Float64Array


def best_within(
    scores: Float64Array, prices: Float64Array, limits: Sequence[float], keep: int
) -> list[int]:
    """Indices of the `keep` best candidates within each limit, without repeats, best first.

    Args:
        scores: (n,), score of each candidate; higher is better.
        prices: (n,), cost of each candidate in the limited quantity.
        limits: ascending limits on the price.
    """
    order = np.lexsort((prices, -scores))
    chosen: dict[int, None] = {}
    for limit in limits:
        within = order[prices[order] <= limit][:keep]
        chosen.update(dict.fromkeys(within.tolist()))
    return sorted(chosen, key=lambda index: (-scores[index], prices[index]))
