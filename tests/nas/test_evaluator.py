"""Pricing and scoring many genomes at once gives what each network by itself costs and scores."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from maenas.blocks import Backbone
from maenas.budgets import Budget, BudgetError, LatencyModel, Quantity, parse_budgets
from maenas.detector import load_template
from maenas.nas import Evaluator, MaxEntropy, Problem, effectiveness
from maenas.nas.problem import Rest
from maenas.search_spaces import Space, load_space, space_names
from maenas.search_spaces.moves import Genomes, Moves
from tests.spaces import last_genome

QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)
COUNT = 24
every_space = pytest.mark.parametrize("name", space_names())
every_scope = pytest.mark.parametrize("scope", ["backbone", "detector"])


def some_genomes(space: Space, count: int = COUNT) -> Genomes:
    """Random ones of all sizes, the smallest and the largest legal among them."""
    moves = Moves(space)
    drawn = moves.sample(np.random.default_rng(0), count, all_sizes=True)
    least = np.array([space.origin], dtype=np.int16)
    greatest = np.array([last_genome(space)], dtype=np.int16)
    both = np.concatenate([least, greatest])
    return np.concatenate([both[moves.legal(both)], drawn])


def rest_of(scope: str) -> Rest | None:
    return load_template("s").ops if scope == "detector" else None


def plain_cost(problem: Problem, backbone: Backbone, quantity: Quantity) -> float:
    """One quantity of a network, from its operators."""
    if quantity == "layers":
        return backbone.layers
    price: float = getattr(problem.cost(backbone), quantity)
    return price


@every_scope
@every_space
def test_every_quantity_and_the_score_are_those_of_the_network(
    name: str, scope: str, t4: LatencyModel
) -> None:
    space = load_space(name)
    problem = Problem(space, parse_budgets(["4ms"]), t4, rest_of(scope))
    genomes = some_genomes(space)
    evaluation = Evaluator(problem)(genomes)
    backbones = [space.decode(genome.tolist()) for genome in genomes]
    scores = [problem.score(backbone) for backbone in backbones]
    assert evaluation.scores == pytest.approx(scores, rel=1e-9)
    for quantity in QUANTITIES:
        costs = [plain_cost(problem, backbone, quantity) for backbone in backbones]
        assert min(costs) > 0
        assert evaluation.cost(quantity) == pytest.approx(costs, rel=1e-9), quantity


@every_scope
@pytest.mark.parametrize("quantity", [*QUANTITIES, "effectiveness"])
@every_space
def test_a_limit_is_met_by_the_same_networks(
    name: str, quantity: Quantity, scope: str, t4: LatencyModel
) -> None:
    space = load_space(name)
    genomes = some_genomes(space, count=16)
    backbones = [space.decode(genome.tolist()) for genome in genomes]
    free = Problem(space, parse_budgets(["1s"]), t4, rest_of(scope))
    if quantity == "effectiveness":
        bound = float(np.median([effectiveness(backbone) for backbone in backbones])) * (1 + 1e-6)
        problem = Problem(space, free.budgets, t4, free.rest, max_effectiveness=bound)
    else:
        limit = float(np.median([plain_cost(free, backbone, quantity) for backbone in backbones]))
        problem = Problem(space, (Budget(quantity, limit, "a half"),), t4, free.rest)
    feasible = Evaluator(problem)(genomes).feasible.tolist()
    assert feasible == [problem.meets_budgets(backbone) for backbone in backbones]
    assert any(feasible)
    if quantity != "memory_bytes":  # neck and head may hold the peak of memory in all alike
        assert not all(feasible)


def test_several_limits_hold_together(t4: LatencyModel) -> None:
    space = load_space("res")
    genomes = some_genomes(space, count=200)
    backbones = [space.decode(genome.tolist()) for genome in genomes]
    texts = ["2.8ms", "9GMACs", "4Mparams", "25layers", "8MB"]
    alone = [
        Evaluator(Problem(space, parse_budgets([text]), t4))(genomes).feasible for text in texts
    ]
    together = Evaluator(Problem(space, parse_budgets(texts), t4))(genomes).feasible
    assert together.tolist() == np.logical_and.reduce(alone).tolist()
    assert together.any()
    assert not any(one.all() for one in alone)
    problem = Problem(space, parse_budgets(texts), t4)
    assert together.tolist() == [problem.meets_budgets(backbone) for backbone in backbones]


@pytest.mark.parametrize("weights", [(0, 0, 0, 0, 1), (1, 2, 3, 4, 5), (1, 0, 0, 0, 0)], ids=str)
@every_space
def test_any_weights_score_as_the_network_does(name: str, weights: tuple[float, ...]) -> None:
    space = load_space(name)
    problem = Problem(space, parse_budgets(["9GMACs"]), score=MaxEntropy(weights))
    genomes = some_genomes(space, count=8)
    scores = [problem.score(space.decode(genome.tolist())) for genome in genomes]
    assert Evaluator(problem)(genomes).scores == pytest.approx(scores, rel=1e-9)


def test_a_genome_is_worth_the_same_whatever_was_asked_before(t4: LatencyModel) -> None:
    space = load_space("mobv3")
    problem = Problem(space, parse_budgets(["4ms"]), t4, rest_of("detector"))
    genomes = some_genomes(space, count=64)
    together = Evaluator(problem)(genomes)
    warm = Evaluator(problem)
    one_by_one = [warm(genome[None]) for genome in genomes[::-1]][::-1]
    assert [float(one.scores[0]) for one in one_by_one] == together.scores.tolist()
    assert [one.costs[0].tolist() for one in one_by_one] == together.costs.tolist()


def test_nothing_is_asked_of_no_genomes(t4: LatencyModel) -> None:
    space = load_space("res")
    evaluator = Evaluator(Problem(space, parse_budgets(["4ms"]), t4, rest_of("detector")))
    nothing = evaluator(np.empty((0, len(space.genes)), dtype=np.int16))
    assert len(nothing.scores) == len(nothing.feasible) == 0


def test_the_price_is_the_quantity_given_as_a_range_else_the_first(t4: LatencyModel) -> None:
    space = load_space("res")
    genomes = some_genomes(space)
    for texts, quantity in (
        (["4ms", "9GMACs"], "latency_ms"),
        (["9GMACs", "4ms"], "macs"),
        (["4ms", "3GMACs..9GMACs"], "macs"),
    ):
        evaluation = Evaluator(Problem(space, parse_budgets(texts), t4))(genomes)
        assert evaluation.prices.tolist() == evaluation.cost(quantity).tolist()


ODD = """\
format: maenas/space@1
in_shape: [3, 97, 71]
features: [1, 3]
widths_never_shrink: false
stages:
  - {block: conv_stem, out_channels: [12, 16], kernel_size: [3, 5]}
  - {block: res_kxkx, out_channels: 24, bottleneck_channels: [8, 12], stride: 2, depth: 2}
  - {block: spp}
  - {block: csp, out_channels: [20, 28], bottleneck_channels: 12, depth: [2, 3], inner: k1kx}
  - {block: res_k1dwk1, out_channels: [16, 24], bottleneck_channels: [32, 48], depth: [1, 3]}
"""


def test_a_space_of_ones_own_is_priced_alike(tmp_path, t4: LatencyModel) -> None:
    """Odd sizes, a stage without choices, one without width, fixed depths, depths from two on."""
    path = tmp_path / "odd.yaml"
    path.write_text(ODD, encoding="utf-8")
    space = load_space(str(path))
    problem = Problem(
        space, parse_budgets(["4ms"]), t4, score=MaxEntropy((1, 2, 3)), max_effectiveness=0.9
    )
    moves = Moves(space)
    genomes = np.unique(moves.sample(np.random.default_rng(0), 100), axis=0)
    evaluation = Evaluator(problem)(genomes)
    for index, genome in enumerate(genomes):
        backbone = space.decode(genome.tolist())
        assert evaluation.scores[index] == pytest.approx(problem.score(backbone), rel=1e-9)
        for quantity in QUANTITIES:
            cost = plain_cost(problem, backbone, quantity)
            assert evaluation.cost(quantity)[index] == pytest.approx(cost, rel=1e-9), quantity
        assert evaluation.feasible[index] == problem.meets_budgets(backbone)


def test_a_latency_without_a_device_is_refused() -> None:
    with pytest.raises(BudgetError, match=r"needs a device.*--device t4"):
        Problem(load_space("res"), parse_budgets(["9GMACs", "4ms"]))
