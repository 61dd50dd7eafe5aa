"""With words and a choice of blocks, what is certified holds against every network."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from maenas.budgets import Budget, LatencyModel, Quantity, parse_budgets
from maenas.nas import Evaluator, MaxEntropy, Problem, certify, cheapest_networks
from maenas.nas.certificate.options import Options
from maenas.nas.problem import QUANTITIES, Rest
from maenas.search_spaces import Space, load_space
from maenas.search_spaces.moves import Genomes

# The depth of one block is fixed, that of the others varies or does not exist.
CHOICES = """\
format: maenas/space@1
in_shape: [3, 64, 64]
features: [1, 2, 3]
bottleneck_ratio: [0.3, 1.0]
stages:
  - {block: conv_stem, out_channels: [8, 16], act: [silu, relu]}
  - stride: 2
    any_of:
      - {block: res_k1kx, out_channels: [16, 32], bottleneck_channels: [8, 16], depth: [1, 2]}
      - block: mob
        out_channels: [24, 32]
        expand_ratio: [2.0, 3.0]
        kernel_size: [3, 5]
        depth: 2
      - {block: conv_stem, out_channels: 32, kernel_size: [1, 5]}
  - {block: res_kxkx, out_channels: 32, bottleneck_channels: 16, stride: 2, spp: [false, true]}
  - stride: 2
    act: [relu, silu]
    any_of:
      - {block: mob, out_channels: 48, expand_ratio: 2.0, depth: [1, 2, 3]}
      - {block: csp, out_channels: [32, 64], bottleneck_channels: [16, 32]}
"""
SCORE = MaxEntropy((1.0, 1.0, 1.0, 4.0))


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Space:
    path: Path = tmp_path_factory.mktemp("spaces") / "choices.yaml"
    path.write_text(CHOICES, encoding="utf-8")
    return load_space(str(path))


@pytest.fixture(scope="module")
def everything(space: Space) -> Genomes:
    """(n, genes): every legal genome, found one by one."""
    codes = [list(space.legal_codes(index)) for index in range(len(space.stages))]
    genomes = [tuple(i for code in chosen for i in code) for chosen in product(*codes)]
    widths = [
        [ops[-1].out_shape[0] for ops in space.decode(genome).stage_ops()] for genome in genomes
    ]
    kept = [g for g, each in zip(genomes, widths, strict=True) if each == sorted(each)]
    return np.array(kept, dtype=np.int16)


def problem(space: Space, t4: LatencyModel, neck: Rest, *budgets: Budget) -> Problem:
    return Problem(space, budgets or parse_budgets(["1s"]), t4, neck, SCORE)


def test_every_network_costs_what_its_operators_cost(
    space: Space, everything: Genomes, t4: LatencyModel, neck: Rest
) -> None:
    free = problem(space, t4, neck)
    found = Evaluator(free)(everything)
    picked = np.random.default_rng(0).integers(len(everything), size=60)
    for row in picked:
        backbone = space.decode(everything[row].tolist())
        price = free.cost(backbone)
        assert found.scores[row] == pytest.approx(free.score(backbone))
        assert found.cost("layers")[row] == backbone.layers
        for quantity in ("latency_ms", "macs", "params", "memory_bytes"):
            assert found.cost(quantity)[row] == pytest.approx(getattr(price, quantity)), quantity


@pytest.mark.parametrize("share", [0.01, 0.3, 0.8])
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_the_optimum_is_found_and_proven(
    space: Space,
    everything: Genomes,
    t4: LatencyModel,
    neck: Rest,
    quantity: Quantity,
    share: float,
) -> None:
    every = Evaluator(problem(space, t4, neck))(everything)
    limit = float(np.quantile(every.cost(quantity), share))
    budget = Budget(quantity, limit, "a share")
    options = Options(Evaluator(problem(space, t4, neck, budget)))
    (found,) = certify(options)
    best = float(every.scores[every.cost(quantity) <= limit * (1 + 1e-9)].max())
    assert found.score == pytest.approx(best)
    assert best <= found.upper <= best * (1 + 1e-3)
    cheapest = float(every.cost(quantity).min())
    (start,) = cheapest_networks(options)
    assert options.evaluator(start[None]).cost(quantity) == pytest.approx(cheapest)
