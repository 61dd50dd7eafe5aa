"""With words and a choice of blocks, what is certified holds against every network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maenas.budgets import Budget, LatencyModel, Quantity, parse_budgets
from maenas.nas import Evaluator, MaxEntropy, Problem, certify, cheapest_networks
from maenas.nas.certificate.options import Options
from maenas.nas.problem import QUANTITIES, Rest
from maenas.search_spaces import Space
from maenas.search_spaces.moves import Genomes

SCORE = MaxEntropy((1.0, 1.0, 1.0, 4.0))


def problem(choices: Space, t4: LatencyModel, neck: Rest, *budgets: Budget) -> Problem:
    return Problem(choices, budgets or parse_budgets(["1s"]), t4, neck, SCORE)


def test_every_network_costs_what_its_operators_cost(
    choices: Space, every_choice: Genomes, t4: LatencyModel, neck: Rest
) -> None:
    free = problem(choices, t4, neck)
    found = Evaluator(free)(every_choice)
    picked = np.random.default_rng(0).integers(len(every_choice), size=60)
    for row in picked:
        backbone = choices.decode(every_choice[row].tolist())
        price = free.cost(backbone)
        assert found.scores[row] == pytest.approx(free.score(backbone))
        assert found.cost("layers")[row] == backbone.layers
        for quantity in ("latency_ms", "macs", "params", "memory_bytes"):
            assert found.cost(quantity)[row] == pytest.approx(getattr(price, quantity)), quantity


@pytest.mark.parametrize("share", [0.01, 0.3, 0.8])
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_the_optimum_is_found_and_proven(
    choices: Space,
    every_choice: Genomes,
    t4: LatencyModel,
    neck: Rest,
    quantity: Quantity,
    share: float,
) -> None:
    every = Evaluator(problem(choices, t4, neck))(every_choice)
    limit = float(np.quantile(every.cost(quantity), share))
    budget = Budget(quantity, limit, "a share")
    options = Options(Evaluator(problem(choices, t4, neck, budget)))
    (found,) = certify(options)
    best = float(every.scores[every.cost(quantity) <= limit * (1 + 1e-9)].max())
    assert found.score == pytest.approx(best)
    assert best <= found.upper <= best * (1 + 1e-3)
    cheapest = float(every.cost(quantity).min())
    (start,) = cheapest_networks(options)
    assert options.evaluator(start[None]).cost(quantity) == pytest.approx(cheapest)


def test_a_limit_on_effectiveness_is_respected(
    choices: Space, every_choice: Genomes, t4: LatencyModel, neck: Rest
) -> None:
    bounded = replace(problem(choices, t4, neck), max_effectiveness=0.35)
    every = Evaluator(bounded)(every_choice)
    assert 0 < every.feasible.sum() < len(every_choice)
    (found,) = certify(Options(Evaluator(bounded)))
    best = float(every.scores[every.feasible].max())
    assert found.genome is not None
    assert found.score is not None
    assert bounded.meets_budgets(choices.decode(found.genome.tolist()))
    assert found.score <= best <= found.upper
    assert type(found.upper) is float  # a result is written as JSON
