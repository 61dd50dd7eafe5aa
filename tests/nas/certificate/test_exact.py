"""What is certified holds against every network of a space small enough to try them all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, inf, isinf
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from maenas.blocks import Backbone
from maenas.budgets import (
    Budget,
    BudgetError,
    InfeasibleError,
    LatencyModel,
    Quantity,
    parse_budgets,
)
from maenas.nas import Certified, Evaluator, MaxEntropy, Problem, certify, cheapest_networks
from maenas.nas import effectiveness as effectiveness_of
from maenas.nas.certificate.constraint import on_effectiveness
from maenas.nas.certificate.exact import DEFAULT_BINS
from maenas.nas.certificate.options import Options
from maenas.nas.certificate.program import Program
from maenas.nas.evaluator import Evaluation
from maenas.nas.priced_stages import CONVS, GAIN
from maenas.nas.problem import Rest
from maenas.search_spaces import Space, load_space
from maenas.search_spaces.moves import Genomes

QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)
ADDITIVE: tuple[Quantity, ...] = ("latency_ms", "macs", "params")
SCORE = MaxEntropy((1.0, 1.0, 4.0))
ROUNDING = 5 / DEFAULT_BINS  # of a cost: less than a bin for each of four stages and the rest
every_scope = pytest.mark.parametrize("scope", ["backbone", "with a neck"])


@dataclass
class World:
    """The tiny space under one scope, and what every network of it scores and costs."""

    space: Space
    device: LatencyModel
    rest: Rest | None
    genomes: Genomes
    all: Evaluation

    def problem(self, *budgets: Budget, effectiveness: float | None = None) -> Problem:
        return Problem(self.space, budgets, self.device, self.rest, SCORE, effectiveness)

    def options(self, *budgets: Budget, effectiveness: float | None = None) -> Options:
        return Options(Evaluator(self.problem(*budgets, effectiveness=effectiveness)))

    def limit(self, quantity: Quantity, share: float) -> Budget:
        """A limit that about this share of all networks meets."""
        return Budget(quantity, float(np.quantile(self.all.cost(quantity), share)), f"{share}")

    def best(self, *budgets: Budget) -> float:
        """The best score within some limits, by trying all networks; -inf if none is within."""
        within = np.ones(len(self.genomes), dtype=bool)
        for budget in budgets:
            within &= self.all.cost(budget.quantity) <= budget.limit * (1 + 1e-9)
        return float(self.all.scores[within].max(initial=-inf))

    def network(self, found: Certified) -> Backbone:
        assert found.genome is not None
        return self.space.decode(found.genome.tolist())


@pytest.fixture(scope="module")
def worlds(tiny: Space, everything: Genomes, t4: LatencyModel, neck: Rest) -> dict[str, World]:
    made = {}
    for scope, rest in (("backbone", None), ("with a neck", neck)):
        free = Problem(tiny, parse_budgets(["1s"]), t4, rest, SCORE)
        made[scope] = World(tiny, t4, rest, everything, Evaluator(free)(everything))
    return made


def assert_holds(world: World, found: Certified, *budgets: Budget, gap: float) -> None:
    """The bound is above the best network, what was found within all limits and near to both."""
    best = world.best(*budgets)
    assert found.upper >= best
    backbone = world.network(found)
    problem = world.problem(*budgets)
    assert problem.meets_budgets(backbone)
    assert problem.score(backbone) == pytest.approx(found.score)
    assert found.score is not None
    assert found.score <= best * (1 + 1e-12)
    assert found.gap == pytest.approx(found.upper / found.score - 1)
    # Costs are rounded down, so a network that misses a limit by less may count as within it.
    nearly = [replace(budget, limit=budget.limit * (1 + ROUNDING)) for budget in budgets]
    assert found.upper <= max((1 + gap) * found.score, (1 + 1e-9) * world.best(*nearly))


# One limit.


@every_scope
@pytest.mark.parametrize("share", [0.002, 0.05, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_under_one_limit_the_optimum_is_found(
    worlds: dict[str, World], quantity: Quantity, share: float, scope: str
) -> None:
    world = worlds[scope]
    budget = world.limit(quantity, share)
    (found,) = certify(world.options(budget))
    assert_holds(world, found, budget, gap=1e-4)
    assert found.score == pytest.approx(world.best(budget))


@pytest.mark.parametrize("quantity", ADDITIVE)
def test_coarse_bins_keep_the_bound_true(worlds: dict[str, World], quantity: Quantity) -> None:
    world = worlds["with a neck"]
    gaps = []
    for bins in (10, 40, 160, 640):
        budget = world.limit(quantity, 0.3)
        (found,) = certify(world.options(budget), bins=bins)
        assert_holds(world, found, budget, gap=0.2)
        gaps.append(found.gap)
    assert gaps[-1] < gaps[0]


def test_a_second_look_in_finer_bins_narrows_a_gap(worlds: dict[str, World]) -> None:
    world = worlds["with a neck"]
    budget = world.limit("latency_ms", 0.3)
    (coarse,) = certify(world.options(budget), bins=10)
    assert coarse.gap is not None
    assert coarse.gap > 1e-3
    (finer,) = certify(world.options(budget), bins=10, target_gap=1e-3)
    assert_holds(world, finer, budget, gap=coarse.gap)
    assert finer.gap is not None
    assert finer.gap < coarse.gap


@every_scope
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_a_limit_that_the_cheapest_network_just_meets_is_met(
    worlds: dict[str, World], quantity: Quantity, scope: str
) -> None:
    world = worlds[scope]
    least, _ = world.options(Budget("latency_ms", 1e3, "1s")).cheapest(quantity)
    budget = Budget(quantity, least, "the least")
    (found,) = certify(world.options(budget))
    assert_holds(world, found, budget, gap=1e-6)


@pytest.mark.parametrize("quantity", ADDITIVE)
def test_it_is_met_even_where_it_is_the_sum_of_the_least_of_every_stage(
    quantity: Quantity, tiny_text: str, t4: LatencyModel, tmp_path: Path
) -> None:
    """With all stages strided nothing projects, so no room is left at all but for rounding."""
    path = tmp_path / "strided.yaml"
    path.write_text(tiny_text.replace("depth: {min: 1, max: 3}", "stride: 2"), encoding="utf-8")
    space = load_space(str(path))
    least = (0,) * len(space.genes)
    problem = Problem(space, parse_budgets(["1s"]), t4, score=MaxEntropy((1, 1, 1, 4)))
    limit = float(Evaluator(problem)(np.array([least], dtype=np.int16)).cost(quantity)[0])
    problem = replace(problem, budgets=(Budget(quantity, limit, "the least"),))
    (found,) = certify(Options(Evaluator(problem)))
    assert found.genome is not None
    assert tuple(found.genome.tolist()) == least
    assert found.upper == pytest.approx(problem.score(space.decode(least)), rel=1e-6)


# Several limits at once.


@every_scope
@pytest.mark.parametrize("ranged", ADDITIVE)
def test_layers_and_memory_are_exact_beside_another_limit(
    worlds: dict[str, World], ranged: Quantity, scope: str
) -> None:
    world = worlds[scope]
    budgets = (
        world.limit(ranged, 0.4),
        world.limit("layers", 0.4),
        world.limit("memory_bytes", 0.6),
    )
    assert world.best(*budgets) < min(world.best(budget) for budget in budgets)  # all three bind
    (found,) = certify(world.options(*budgets))
    assert_holds(world, found, *budgets, gap=1e-4)


@pytest.mark.parametrize("first", ["layers", "memory_bytes"])
def test_the_order_of_the_limits_does_not_matter(worlds: dict[str, World], first: Quantity) -> None:
    world = worlds["with a neck"]
    budgets = (world.limit(first, 0.5), world.limit("latency_ms", 0.4))
    (found,) = certify(world.options(*budgets))
    assert_holds(world, found, *budgets, gap=1e-4)


@every_scope
@pytest.mark.parametrize("shares", [(0.3, 0.5, 0.5), (0.6, 0.15, 1.0), (0.5, 0.5, 0.1)], ids=str)
def test_further_sums_are_bounded_by_multipliers(
    worlds: dict[str, World], shares: tuple[float, ...], scope: str
) -> None:
    world = worlds[scope]
    pairs = zip(ADDITIVE, shares, strict=True)
    budgets = tuple(world.limit(quantity, share) for quantity, share in pairs)
    (found,) = certify(world.options(*budgets))
    assert_holds(world, found, *budgets, gap=0.2)  # few networks, so few on the hull
    (first,) = certify(world.options(budgets[0]))  # the bound with all multipliers 0
    assert found.upper <= first.upper * (1 + 1e-4)


@every_scope
@pytest.mark.parametrize("shares", [(0.3, 0.5, 0.5), (0.6, 0.15, 1.0), (0.5, 0.5, 0.1)], ids=str)
def test_branch_and_bound_closes_what_multipliers_leave_open(
    worlds: dict[str, World], shares: tuple[float, ...], scope: str
) -> None:
    world = worlds[scope]
    pairs = zip(ADDITIVE, shares, strict=True)
    budgets = tuple(world.limit(quantity, share) for quantity, share in pairs)
    (found,) = certify(world.options(*budgets), target_gap=1e-4)
    assert found.score == pytest.approx(world.best(*budgets))
    assert_holds(world, found, *budgets, gap=3e-4)


def test_a_narrow_round_of_branch_and_bound_keeps_the_bound_true(
    worlds: dict[str, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maenas.nas.certificate.branch_bound.WIDTHS", (3,))
    world = worlds["with a neck"]
    budgets = (world.limit("latency_ms", 0.3), world.limit("params", 0.4))
    (found,) = certify(world.options(*budgets), target_gap=1e-9)
    assert found.upper >= world.best(*budgets)


def test_a_pair_of_budgets_costs_little_more_than_one(
    worlds: dict[str, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps of cost of all programs, which their time is proportional to."""
    steps: list[int] = []
    solve = Program._run

    def counted(program: Program) -> None:
        steps.append(program.bins)
        solve(program)

    monkeypatch.setattr(Program, "_run", counted)
    world = worlds["with a neck"]
    budgets = (world.limit("latency_ms", 0.3), world.limit("params", 0.4))
    (found,) = certify(world.options(*budgets), target_gap=1e-9)
    assert found.score == pytest.approx(world.best(*budgets))
    assert sum(steps) < 1.5 * DEFAULT_BINS


def test_multipliers_beat_the_bounds_of_single_limits(worlds: dict[str, World]) -> None:
    world = worlds["backbone"]
    budgets = (world.limit("latency_ms", 0.3), world.limit("params", 0.3))
    (found,) = certify(world.options(*budgets))
    assert found.upper < 0.99 * min(certify(world.options(b))[0].upper for b in budgets)


def test_a_limit_that_does_not_bind_costs_nothing(worlds: dict[str, World]) -> None:
    world = worlds["backbone"]
    tight, loose = world.limit("latency_ms", 0.3), world.limit("params", 1.0)
    (found,) = certify(world.options(tight, loose))
    (alone,) = certify(world.options(tight))
    assert (found.upper, found.score) == (alone.upper, alone.score)


# Several limits on one quantity.


@every_scope
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_a_front_in_one_call_is_that_of_single_calls(
    worlds: dict[str, World], quantity: Quantity, scope: str
) -> None:
    world = worlds[scope]
    other = world.limit("macs" if quantity == "layers" else "layers", 0.6)
    budgets = [world.limit(quantity, share) for share in (0.05, 0.2, 0.5, 0.9)]
    front = certify(world.options(budgets[-1], other), [budget.limit for budget in budgets])
    assert [found.limit for found in front] == [budget.limit for budget in budgets]
    for found, budget in zip(front, budgets, strict=True):
        assert_holds(world, found, budget, other, gap=1e-3)
        (single,) = certify(world.options(budget, other))
        assert found.score == pytest.approx(single.score, rel=1e-3)
        assert found.upper == pytest.approx(single.upper, rel=5e-3)  # its bins are wider


# What cannot be met.


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_a_limit_nothing_meets_has_no_network_and_a_bound_below_all(
    worlds: dict[str, World], quantity: Quantity
) -> None:
    world = worlds["with a neck"]
    least = float(world.all.cost(quantity).min())
    (found,) = certify(world.options(Budget(quantity, 0.9 * least, "too little")))
    assert isinf(found.upper)
    assert found.upper < 0
    assert (found.score, found.genome, found.gap) == (None, None, None)


def test_limits_that_each_can_be_met_but_not_both_have_no_network(worlds: dict[str, World]) -> None:
    """The fastest networks have a wide stem, the smallest a narrow one."""
    world = worlds["backbone"]
    budgets = (world.limit("latency_ms", 0.0), world.limit("params", 0.0))
    assert min(world.best(budget) for budget in budgets) > 0
    assert world.best(*budgets) == -inf
    (found,) = certify(world.options(*budgets))
    assert (found.score, found.genome, found.gap) == (None, None, None)


# The cheapest network.


@every_scope
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_the_cheapest_network_is_that_of_all(
    worlds: dict[str, World], quantity: Quantity, scope: str
) -> None:
    world = worlds[scope]
    options = world.options(Budget("latency_ms", 1e3, "1s"))
    price, genome = options.cheapest(quantity)
    assert price == pytest.approx(float(world.all.cost(quantity).min()), rel=1e-12)
    evaluation = options.evaluator(genome[None])
    assert evaluation.cost(quantity)[0] == pytest.approx(price, rel=1e-12)
    assert genome.tolist() in world.genomes.tolist()


def test_the_narrowest_stem_is_not_always_cheapest(worlds: dict[str, World]) -> None:
    """Else the test above would pass for a solver that takes the least of everything."""
    world = worlds["backbone"]
    _, genome = world.options(Budget("latency_ms", 1e3, "1s")).cheapest("latency_ms")
    stem = world.space.decode(genome.tolist()).stages[0]
    assert stem.out_channels == 24  # type: ignore[attr-defined]


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_a_search_begins_with_the_cheapest_network_of_each_budget(
    worlds: dict[str, World], quantity: Quantity
) -> None:
    world = worlds["with a neck"]
    budgets = (world.limit(quantity, 0.1), Budget("latency_ms", 1e3, "1s"))[
        : 1 + (quantity != "latency_ms")
    ]
    start = cheapest_networks(world.options(*budgets))
    costs = Evaluator(world.problem(*budgets))(start)
    for budget in budgets:
        least = float(world.all.cost(budget.quantity).min())
        assert costs.cost(budget.quantity).min() == pytest.approx(least, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("0.01ms", r"needs 0\.\d{3} ms"),
        ("1KMACs", r"needs 0\.\d{3} GMACs"),
        ("100params", r"needs 0\.\d{3} M params"),
        ("3layers", "needs 7 layers"),
        ("1KB", r"needs 0\.\d\d MB"),
    ],
)
def test_a_budget_nothing_meets_says_what_the_cheapest_network_needs(
    worlds: dict[str, World], text: str, needs: str
) -> None:
    world = worlds["backbone"]
    with pytest.raises(
        InfeasibleError, match=f"budget '{text}'.*cheapest backbone {needs}"
    ) as error:
        cheapest_networks(world.options(*parse_budgets([text])))
    assert error.value.exit_code == 3


def test_what_needs_too_much_is_a_detector_where_its_neck_is_priced(
    worlds: dict[str, World],
) -> None:
    with pytest.raises(InfeasibleError, match="cheapest detector needs"):
        cheapest_networks(worlds["with a neck"].options(*parse_budgets(["0.01ms"])))


# A bound on effectiveness.


@every_scope
@pytest.mark.parametrize("share", [0.02, 0.2, 0.6])
def test_the_optimum_under_a_limit_on_effectiveness_is_certified(
    worlds: dict[str, World], scope: str, share: float
) -> None:
    world = worlds[scope]
    ratios = np.array(
        [effectiveness_of(world.space.decode(genome.tolist())) for genome in world.genomes[::7]]
    )
    bound = float(np.quantile(ratios, share))
    for budgets in ([world.limit("latency_ms", 0.5)], [world.limit("layers", 0.7)]):
        problem = world.problem(*budgets, effectiveness=bound)
        evaluation = Evaluator(problem)(world.genomes)
        best = float(evaluation.scores[evaluation.feasible].max())
        free = certify(world.options(*budgets))[0]
        (found,) = certify(world.options(*budgets, effectiveness=bound), target_gap=2e-4)
        assert best <= found.upper <= free.upper
        assert found.score is not None
        assert problem.meets_budgets(world.network(found))
        assert found.score <= best * (1 + 1e-12)
        assert found.gap is not None
        assert found.gap <= 1e-3


@pytest.mark.parametrize("depth", [7, 9, 11])
def test_a_tangent_excludes_no_network_that_effectiveness_allows(
    worlds: dict[str, World], depth: int
) -> None:
    world = worlds["backbone"]
    evaluator = Evaluator(world.problem(*parse_budgets(["1s"])))
    touching = 0
    for genome in world.genomes[::11]:
        row = evaluator.row(genome)
        ratio = row[CONVS] * exp(-2 * row[GAIN] / row[CONVS])  # of the last level
        tangent = on_effectiveness(ratio, depth)  # the network is just allowed
        left = tangent.limit - tangent.used(row)
        assert left >= -1e-9
        if row[CONVS] == depth:
            touching += 1
            assert left == pytest.approx(0, abs=1e-9)
    assert touching > 0


# The list of choices.


def test_a_space_with_too_many_choices_is_refused(
    worlds: dict[str, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maenas.nas.certificate.options.MAX_OPTIONS", 50)
    with pytest.raises(
        BudgetError, match=r"space tiny: .* choices are too many .*coarsen its step"
    ):
        worlds["backbone"].options(Budget("latency_ms", 1e3, "1s"))


def test_every_network_is_one_choice_a_stage(worlds: dict[str, World]) -> None:
    """Walking the options yields each legal genome once, at its score and cost."""
    world = worlds["with a neck"]
    options = world.options(Budget("latency_ms", 1e3, "1s"))
    found: dict[tuple[int, ...], tuple[float, float]] = {}

    def walk(stage: int, state: tuple[tuple[int, ...], int], path: list[int], row: object) -> None:
        if stage == len(options.stages):
            total = row + options.rest(state[0])  # type: ignore[operator]
            found[tuple(path)] = (float(total[0]), float(total[1]))
            return
        choices = options.stages[stage][state[1]]
        for code, out, table in zip(choices.codes, choices.out_width, choices.table, strict=True):
            after = options.next_state(stage, state, int(out))
            walk(stage + 1, after, [*path, *code.tolist()], row + table)  # type: ignore[operator]

    walk(0, ((), 0), [], np.zeros(8))
    assert set(found) == set(map(tuple, world.genomes.tolist()))
    scores, latencies = zip(*(found[tuple(g)] for g in world.genomes.tolist()), strict=True)
    assert scores == pytest.approx(world.all.scores.tolist(), rel=1e-12)
    assert latencies == pytest.approx(world.all.cost("latency_ms").tolist(), rel=1e-12)
