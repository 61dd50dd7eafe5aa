"""Latencies on several devices: hard limits on each, certified, searched by every searcher."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maenas.blocks import Op
from maenas.budgets import (
    Budget,
    BudgetError,
    DeviceError,
    InfeasibleError,
    LatencyModel,
    load_device,
)
from maenas.budgets.cost import cost
from maenas.nas import (
    ALGORITHMS,
    Evaluator,
    Journal,
    JournalError,
    MaxEntropy,
    Options,
    Outcome,
    Problem,
    Settings,
    certify,
    cheapest_networks,
    search,
    search_islands,
    solve_exactly,
)
from maenas.nas.certificate.joint import nearest_to
from maenas.nas.evaluator import Evaluation
from maenas.nas.executors import Executor, InProcess, opened_executor
from maenas.nas.problem import Rest
from maenas.search_spaces import Space
from maenas.search_spaces.moves import Genomes
from tests.outcomes import Stopped, after, told

SCORE = MaxEntropy((1.0, 1.0, 4.0))
CPU = "latency_ms@cpu"


class PlainCpu(LatencyModel):
    """A device where a network takes the time of its operations and of reading its params.

    Kernels take no time to launch here, so other networks are cheap than on a GPU.
    """

    device, kind, hardware, precision, about = "plain", "estimated", "cpu", "f32", "made up"

    def op_ms(self, op: Op) -> float:
        return 2e-8 * op.macs + 1e-6 * op.params


@pytest.fixture(scope="module")
def cpu() -> LatencyModel:
    return PlainCpu()


@pytest.fixture(scope="module")
def free(tiny: Space, t4: LatencyModel, cpu: LatencyModel, neck: Rest) -> Problem:
    """Budgets on both devices that every network meets."""
    return Problem(tiny, both(1e3, 1e3), t4, neck, SCORE, further={"cpu": cpu})


@pytest.fixture(scope="module")
def all_(free: Problem, everything: Genomes) -> Evaluation:
    """What every network of the tiny space scores and costs."""
    return Evaluator(free)(everything)


def both(
    gpu_ms: float, cpu_ms: float, gpu_low: float | None = None, cpu_low: float | None = None
) -> tuple[Budget, ...]:
    return (
        Budget("latency_ms", gpu_ms, "gpu limit", gpu_low),
        Budget("latency_ms", cpu_ms, "cpu limit", cpu_low, "cpu"),
    )


def quantiles(all_: Evaluation, *shares: float) -> tuple[float, ...]:
    """A latency on each device that a share of all networks meets."""
    pairs = zip((0, 5), shares, strict=True)
    return tuple(float(np.quantile(all_.costs[:, axis], share)) for axis, share in pairs)


def best(all_: Evaluation, gpu_ms: float, cpu_ms: float) -> float:
    """The best score within two limits, by trying all networks."""
    within = (all_.costs[:, 0] <= gpu_ms * (1 + 1e-9)) & (all_.costs[:, 5] <= cpu_ms * (1 + 1e-9))
    return float(all_.scores[within].max(initial=-np.inf))


def test_a_network_costs_on_each_device_what_its_operators_cost_there(
    free: Problem, cpu: LatencyModel, everything: Genomes, all_: Evaluation
) -> None:
    assert free.axes == ("latency_ms", "macs", "params", "layers", "memory_bytes", CPU)
    for index in range(0, len(everything), 700):
        backbone = free.space.decode(everything[index].tolist())
        ops = [*backbone.ops(), *free.rest(backbone.feature_shapes())]  # type: ignore[misc]
        price = free.cost(backbone)
        assert price.further_ms == pytest.approx([sum(map(cpu.op_ms, ops))])
        assert replace(price, further_ms=()) == cost(ops, free.device)
        told_costs = [free.spent(axis, backbone, price) for axis in free.axes]
        assert all_.costs[index] == pytest.approx(told_costs, rel=1e-9)


def test_one_device_is_priced_as_if_there_were_no_other(
    free: Problem, everything: Genomes, all_: Evaluation
) -> None:
    alone = replace(free, budgets=free.budgets[:1], further={})
    found = Evaluator(alone)(everything)
    assert found.costs.tolist() == all_.costs[:, :5].tolist()
    assert found.scores.tolist() == all_.scores.tolist()


def test_both_limits_hold(free: Problem, everything: Genomes, all_: Evaluation) -> None:
    limits = quantiles(all_, 0.5, 0.4)
    problem = replace(free, budgets=both(*limits))
    feasible = Evaluator(problem)(everything).feasible
    alone = [
        Evaluator(replace(free, budgets=(budget,)))(everything).feasible
        for budget in problem.budgets
    ]
    assert feasible.tolist() == (alone[0] & alone[1]).tolist()
    assert feasible.sum() < min(one.sum() for one in alone)
    some = everything[::900]
    within = [problem.meets_budgets(problem.space.decode(genome.tolist())) for genome in some]
    assert within == feasible[::900].tolist()


@pytest.mark.parametrize("shares", [(0.5, 0.3), (0.2, 0.3), (0.05, 0.9), (0.9, 0.1)], ids=str)
def test_the_certificate_of_a_pair_holds_against_every_network(
    free: Problem, all_: Evaluation, shares: tuple[float, float]
) -> None:
    limits = quantiles(all_, *shares)
    options = Options(Evaluator(replace(free, budgets=both(*limits))))
    (found,) = certify(options, target_gap=1e-4)
    optimum = best(all_, *limits)
    assert found.upper >= optimum
    assert found.score == pytest.approx(optimum)
    assert found.gap is not None
    assert found.gap <= 3e-4
    assert options.evaluator.problem.meets_budgets(
        options.space.decode(found.genome.tolist())  # type: ignore[union-attr]
    )


def test_a_device_without_prices_is_refused(free: Problem) -> None:
    with pytest.raises(BudgetError, match="budget 'cpu limit': no prices of cpu are given"):
        replace(free, further={})


class LacksConvolutions(PlainCpu):
    """A device that was never measured with convolutions."""

    def op_ms(self, op: Op) -> float:
        if op.kind == "conv":
            raise DeviceError(f"device plain: operators of kind {op.kind!r} were never measured.")
        return super().op_ms(op)


def test_a_device_that_cannot_price_the_space_is_named(free: Problem) -> None:
    with pytest.raises(DeviceError, match="device plain: operators of kind 'conv'"):
        Options(Evaluator(replace(free, further={"cpu": LacksConvolutions()})))


# Pairs of limits that rise together.


@pytest.fixture(scope="module")
def family(free: Problem, all_: Evaluation) -> Problem:
    low, high = quantiles(all_, 0.1, 0.05), quantiles(all_, 0.9, 0.7)
    return replace(free, budgets=both(high[0], high[1], low[0], low[1]))


def limits_of(family: Problem, count: int = 4) -> tuple[float, ...]:
    ranged = family.ranged
    assert ranged.low is not None
    return tuple(np.geomspace(ranged.low, ranged.limit, count).tolist())


def test_the_price_of_a_network_is_the_first_point_that_admits_it(
    family: Problem, everything: Genomes
) -> None:
    found = Evaluator(family)(everything)
    for limit in limits_of(family):
        point = family.limits_at(limit)
        within = Evaluator(family.at(point))(everything).feasible
        assert (found.prices <= limit * (1 + 1e-9)).tolist() == within.tolist()
    first, last = family.limits_at(family.ranged.low or 0.0), family.limits_at(family.ranged.limit)
    assert first[CPU] == pytest.approx(family.budgets[1].low)
    assert last[CPU] == family.budgets[1].limit


def test_a_family_is_certified_point_by_point(family: Problem, all_: Evaluation) -> None:
    options = Options(Evaluator(family))
    for found in certify(options, limits_of(family), target_gap=1e-4):
        point = family.limits_at(found.limit)
        optimum = best(all_, point["latency_ms"], point[CPU])
        assert found.upper >= optimum
        assert found.score == pytest.approx(optimum)


def test_the_networks_of_a_family_meet_their_own_pair(family: Problem) -> None:
    evaluator = Evaluator(family)
    options, limits = Options(evaluator), limits_of(family)
    outcome = search(evaluator, Settings(4_000, 0, limits), cheapest_networks(options))
    assert None not in outcome.best
    for limit, backbone in zip(limits, outcome.best, strict=True):
        assert family.at(family.limits_at(limit)).meets_budgets(backbone)  # type: ignore[arg-type]
    scores = [family.score(backbone) for backbone in outcome.best]  # type: ignore[arg-type]
    assert scores == sorted(scores)


# What cannot be met.


def test_a_pair_that_no_network_meets_names_what_each_device_needs(
    free: Problem, all_: Evaluation
) -> None:
    """Each limit is that of the cheapest network there, which is another network."""
    least = [float(all_.costs[:, axis].min()) for axis in (0, 5)]
    cheapest = [int(all_.costs[:, axis].argmin()) for axis in (0, 5)]
    assert cheapest[0] != cheapest[1]
    problem = replace(free, budgets=both(least[0], least[1]))
    assert best(all_, least[0], least[1]) == -np.inf
    with pytest.raises(InfeasibleError) as error:
        cheapest_networks(Options(Evaluator(problem)))
    message = str(error.value)
    assert "budgets 'gpu limit', 'cpu limit': each can be met, but no detector" in message
    elsewhere = float(all_.costs[cheapest[0], 5]), float(all_.costs[cheapest[1], 0])
    assert f"the cheapest on t4 needs {least[0]:.3f} ms and {elsewhere[0]:.3f} ms on cpu" in message
    assert f"the cheapest on cpu needs {least[1]:.3f} ms and {elsewhere[1]:.3f} ms on t4" in message
    assert error.value.exit_code == 3


def test_a_limit_below_the_cheapest_names_its_device_and_the_cost_on_the_other(
    free: Problem, all_: Evaluation
) -> None:
    least = float(all_.costs[:, 5].min())
    there = float(all_.costs[int(all_.costs[:, 5].argmin()), 0])
    options = Options(Evaluator(replace(free, budgets=both(1e3, 0.9 * least))))
    expected = f"needs {least:.3f} ms on cpu .and {there:.3f} ms on t4.; raise the budget"
    with pytest.raises(InfeasibleError, match=expected):
        cheapest_networks(options)


@pytest.mark.parametrize("slack", [0.999, 1.0, 1.001])
def test_the_nearest_network_decides_whether_a_pair_can_be_met(
    free: Problem, all_: Evaluation, slack: float
) -> None:
    shares = all_.costs[:, [0, 5]] / quantiles(all_, 0.02, 0.02)
    smallest = float(shares.max(axis=1).min())
    limits = [limit * smallest * slack for limit in quantiles(all_, 0.02, 0.02)]
    problem = replace(free, budgets=both(limits[0], limits[1]))
    nearest = nearest_to(Options(Evaluator(problem)), problem.budgets)
    assert nearest.bound <= 1 / slack * (1 + 1e-9)
    assert max(nearest.shares) >= 1 / slack * (1 - 1e-9)
    assert nearest.is_within == (best(all_, limits[0], limits[1]) > -np.inf)
    assert not (nearest.is_within and nearest.is_impossible)


# Every searcher and every executor.


@pytest.fixture(scope="module")
def pair(free: Problem, all_: Evaluation) -> Evaluator:
    limits = quantiles(all_, 0.5, 0.3)
    return Evaluator(replace(free, budgets=both(*limits)))


def settings(evaluator: Evaluator, algorithm: str, islands: int = 1) -> Settings:
    return Settings(
        3_000,
        0,
        (evaluator.problem.ranged.limit,),
        islands=islands,
        migrate_every=500,
        searcher=ALGORITHMS[algorithm],
    )


def run(
    evaluator: Evaluator, chosen: Settings, executor: Executor, journal: Journal, *more: object
) -> Outcome:
    start = cheapest_networks(Options(evaluator))
    if chosen.islands > 1:
        return search_islands(evaluator, chosen, start, executor, journal, *more)  # type: ignore[arg-type]
    return search(evaluator, chosen, start, journal, *more)  # type: ignore[arg-type]


CASES = [("evolution", 1), ("random", 1), ("evolution", 3)]


def journal_in(folder: Path, problem: Problem) -> Journal:
    folder.mkdir(exist_ok=True)
    return Journal(folder, problem.space, problem.axes)


@pytest.mark.parametrize(("algorithm", "islands"), CASES)
def test_every_search_meets_both_limits_and_resumes_to_the_same(
    pair: Evaluator,
    tmp_path: Path,
    algorithm: str,
    islands: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for engine in ("maenas.nas.search", "maenas.nas.searchers.islands"):
        monkeypatch.setattr(importlib.import_module(engine), "SAVE_EVERY_S", -1.0)
    chosen, problem = settings(pair, algorithm, islands), pair.problem
    whole = run(pair, chosen, InProcess(), journal_in(tmp_path / "whole", problem))
    (found,) = whole.best
    assert found is not None
    assert problem.meets_budgets(found)
    assert whole.latencies.shape == (whole.unique, 2)
    limits = [budget.limit for budget in problem.budgets]
    within = (whole.latencies <= np.array(limits) * (1 + 1e-9)).all(axis=1)
    assert within.tolist() == whole.feasible.tolist()
    parts = journal_in(tmp_path / "parts", problem)
    with pytest.raises(Stopped):
        run(pair, chosen, InProcess(), parts, False, after(4))
    parts = journal_in(tmp_path / "parts", problem)
    again = run(Evaluator(problem), chosen, InProcess(), parts, True)
    assert told(again) == told(whole)
    assert again.latencies.tolist() == whole.latencies.tolist()


def test_the_exact_solver_finds_the_best_pair(pair: Evaluator, all_: Evaluation) -> None:
    (found,) = solve_exactly(Options(pair), settings(pair, "evolution")).best
    assert found is not None
    limits = [budget.limit for budget in pair.problem.budgets]
    assert pair.problem.score(found) == pytest.approx(best(all_, limits[0], limits[1]))


def test_islands_on_a_pool_write_what_they_write_in_process(free: Problem, tmp_path: Path) -> None:
    budgets, devices = both(0.4, 0.6), {"cpu": load_device("intel-8163")}
    pair = Evaluator(replace(free, rest=None, budgets=budgets, further=devices))
    chosen = settings(pair, "evolution", islands=2)
    outcomes = []
    for workers in (1, 2):
        journal = journal_in(tmp_path / str(workers), pair.problem)
        with opened_executor(workers) as executor:
            outcomes.append(told(run(pair, chosen, executor, journal)))
    assert outcomes[0] == outcomes[1]
    histories = [(tmp_path / name / "history.jsonl").read_bytes() for name in ("1", "2")]
    assert histories[0] == histories[1]
    assert b'"latency_ms@cpu": ' in histories[0]


@pytest.mark.minutes
@pytest.mark.slow
def test_a_ray_cluster_finds_what_is_found_in_process(free: Problem, tmp_path: Path) -> None:
    devices = {"cpu": load_device("intel-8163")}
    pair = Evaluator(replace(free, rest=None, budgets=both(0.4, 0.6), further=devices))
    chosen = settings(pair, "evolution", islands=2)
    here = told(run(pair, chosen, InProcess(), journal_in(tmp_path / "here", pair.problem)))
    with opened_executor(2, "local") as cluster:
        there = told(run(pair, chosen, cluster, journal_in(tmp_path / "there", pair.problem)))
    assert there == here


def test_a_journal_of_other_devices_cannot_be_resumed(pair: Evaluator, tmp_path: Path) -> None:
    chosen = settings(pair, "random")
    run(pair, chosen, InProcess(), journal_in(tmp_path, pair.problem))
    other = Evaluator(replace(pair.problem, further={"gpu": pair.problem.further["cpu"]},
        budgets=pair.problem.budgets[:1]))  # fmt: skip
    with pytest.raises(
        JournalError, match=r"history.jsonl: line 2: damaged: it lacks 'latency_ms@gpu'"
    ):
        run(other, chosen, InProcess(), journal_in(tmp_path, other.problem), True)
