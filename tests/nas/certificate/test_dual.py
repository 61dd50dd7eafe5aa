"""The least bound that Lagrange multipliers give, against a linear program over all networks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from scipy.optimize import linprog

from maenas.budgets.arrays import Float64Array
from maenas.nas.certificate.constraint import Constraint
from maenas.nas.certificate.dual import least_bound

NETWORKS = 500


def networks(limits: int) -> Float64Array:
    """(networks, 1 + limits), a score that grows with costs, and the costs."""
    rng = np.random.default_rng(limits)
    costs = rng.uniform(0.1, 1.0, (NETWORKS, limits))
    scores = np.sqrt(costs).sum(axis=1) + rng.normal(0, 0.1, NETWORKS)
    return np.column_stack([scores, costs])


@pytest.mark.parametrize("limits", [1, 2, 3])
def test_it_is_the_best_mixture_of_networks_within_all_limits(limits: int) -> None:
    rows = networks(limits)
    constraints = [Constraint(((1 + one, 1.0),), 0.3 + 0.1 * one) for one in range(limits)]

    def solved(multipliers: Mapping[Constraint, float]) -> tuple[float, Float64Array]:
        values = rows[:, 0].copy()
        for constraint, multiplier in multipliers.items():
            used = np.array([constraint.used(row) for row in rows])
            values += multiplier * (constraint.limit - used)
        best = int(values.argmax())
        return float(values[best]), rows[best]

    # Strong duality of linear programs: shares of networks whose mean costs are within the limits.
    mixture = linprog(
        -rows[:, 0],
        A_ub=rows[:, 1:].T,
        b_ub=[one.limit for one in constraints],
        A_eq=np.ones((1, NETWORKS)),
        b_eq=[1.0],
    )
    found = least_bound(solved, constraints)
    assert found is not None
    assert found.value == pytest.approx(-mixture.fun, rel=2e-5)
    assert found.value >= -mixture.fun - 1e-9
    assert found.value == solved(found.multipliers)[0]


def test_a_limit_that_does_not_bind_has_no_price() -> None:
    rows = networks(1)
    loose = Constraint(((1, 1.0),), 2.0)
    best = rows[rows[:, 0].argmax()]
    found = least_bound(lambda _: (float(best[0]), best), [loose])
    assert found is not None
    assert dict(found.multipliers) == {loose: 0.0}
    assert found.value == best[0]


def test_there_is_no_bound_where_there_is_no_network() -> None:
    assert least_bound(lambda _: None, [Constraint(((1, 1.0),), 1.0)]) is None
