"""What every search promises: same seed same answer, budgets kept, every corner reached."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from math import inf
from pathlib import Path

import numpy as np
import pytest

from maenas.budgets import Budget, LatencyModel, load_device, parse_budgets
from maenas.detector import load_template
from maenas.nas import (
    ALGORITHMS,
    Evaluator,
    Journal,
    JournalError,
    MaxEntropy,
    Outcome,
    Problem,
    SearchProgress,
    Settings,
    certify,
    cheapest_networks,
    search,
    solve_exactly,
)
from maenas.nas.certificate.options import Options
from maenas.nas.search import BATCH
from maenas.search_spaces import Space, load_space
from maenas.search_spaces.moves import Genomes
from tests.outcomes import Stopped, after, told

ROOT = Path(__file__).parents[2]
ENGINE = importlib.import_module("maenas.nas.search")  # the name in the package is the function's
SCORE = MaxEntropy((1.0, 1.0, 4.0))
every_algorithm = pytest.mark.parametrize("algorithm", ["evolution", "random"])


@pytest.fixture(scope="session")
def t4():
    """The estimate that the limits of these tests belong to."""
    return load_device("t4-trt7")


@pytest.fixture(scope="module")
def res(t4: LatencyModel) -> Evaluator:
    """Of a bundled space under every kind of budget."""
    budgets = parse_budgets(["3.8ms", "25layers", "20Mparams", "40GMACs", "20MB"])
    template = load_template("s")
    return Evaluator(Problem(load_space("res"), budgets, t4, template.ops, max_effectiveness=0.5))


def settings(
    evaluator: Evaluator, algorithm: str = "evolution", evaluations: int = 3000, seed: int = 0
) -> Settings:
    return Settings(
        evaluations,
        seed,
        (evaluator.problem.ranged.limit,),
        searcher=ALGORITHMS[algorithm],
    )


def best_score(evaluator: Evaluator, outcome: Outcome) -> float:
    assert outcome.best[-1] is not None
    return evaluator.problem.score(outcome.best[-1])


def optimum(evaluator: Evaluator, everything: Genomes, limit: float = inf) -> float:
    """The best score of all networks within the budgets and a further limit on the price."""
    all_ = evaluator(everything)
    return float(all_.scores[all_.feasible & (all_.prices <= limit * (1 + 1e-9))].max())


# The seed.


@every_algorithm
def test_one_seed_gives_one_outcome_and_another_seed_another(
    evaluator: Evaluator, start: Genomes, algorithm: str
) -> None:
    first, again, other = (
        search(evaluator, settings(evaluator, algorithm, seed=seed), start) for seed in (1, 1, 2)
    )
    assert told(first) == told(again)
    assert first.scores.tolist() != other.scores.tolist()


@every_algorithm
def test_what_an_evaluator_has_met_before_changes_nothing(
    evaluator: Evaluator, start: Genomes, algorithm: str
) -> None:
    fresh = Evaluator(evaluator.problem)
    chosen = settings(evaluator, algorithm)
    assert told(search(evaluator, chosen, start)) == told(search(fresh, chosen, start))


ELSEWHERE = """
import hashlib, sys
from maenas.budgets import load_device, parse_budgets
from maenas.detector import load_template
from maenas.nas import ALGORITHMS, Evaluator, Problem, Settings, cheapest_networks, search
from maenas.nas.certificate.options import Options
from maenas.search_spaces import load_space
problem = Problem(
    load_space("mob"), parse_budgets(["2GMACs", "3Mparams"]), load_device("t4"),
    load_template("ns").ops,
)
start = cheapest_networks(Options(Evaluator(problem)))
for algorithm, searcher in ALGORITHMS.items():
    outcome = search(Evaluator(problem), Settings(3000, 5, (1.5e9, 2e9), searcher=searcher), start)
    told = repr([outcome.best, outcome.curve, outcome.finalists.tolist(), outcome.scores.tolist()])
    print(algorithm, outcome.unique, hashlib.sha256(told.encode()).hexdigest())
"""


@pytest.mark.slow
def test_another_process_with_another_hash_seed_finds_the_same() -> None:
    found = []
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", ELSEWHERE],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(done.stdout)
    assert "evolution" in found[0]
    assert "random" in found[0]
    assert found[0] == found[1]


# Stopping and resuming.


@pytest.mark.parametrize("stops", [(1,), (2,), (9,), (3, 1, 1), (1, 12, 5), (20,)], ids=str)
@every_algorithm
def test_a_run_stopped_anywhere_resumes_to_the_identical_outcome(
    evaluator: Evaluator,
    start: Genomes,
    algorithm: str,
    stops: tuple[int, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each stop comes after a batch was evaluated and before it was saved."""
    monkeypatch.setattr(ENGINE, "SAVE_EVERY_S", -1.0)  # after every batch
    chosen = settings(evaluator, algorithm, evaluations=6000)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    space = evaluator.problem.space
    expected = search(evaluator, chosen, start, Journal(whole, space))
    assert expected.evaluations > sum(stops) * BATCH

    for number, batches in enumerate(stops):
        resume = number > 0 and (parts / "state.json").exists()
        journal, again = Journal(parts, space), Evaluator(evaluator.problem)
        with pytest.raises(Stopped):
            search(again, chosen, start, journal, resume, after(batches))
    resume = (parts / "state.json").exists()
    assert resume == (stops != (1,))
    found = search(Evaluator(evaluator.problem), chosen, start, Journal(parts, space), resume)

    assert told(found) == told(expected)
    for name in ("history.jsonl", "state.json"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes(), name


def test_evolution_resumes_identically_after_it_has_begun_anew(
    evaluator: Evaluator, start: Genomes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ENGINE, "SAVE_EVERY_S", -1.0)
    chosen = settings(evaluator, evaluations=16_000)
    space = evaluator.problem.space
    expected = search(evaluator, chosen, start)
    elites: list[int] = []
    for batches in (15, 15, 15):
        resume = bool(elites)
        with pytest.raises(Stopped):
            search(evaluator, chosen, start, Journal(tmp_path, space), resume, after(batches))
        state = json.loads((tmp_path / "state.json").read_text("utf-8"))["searcher"]
        elites.append(len(state["rows"]) - state["population"])
    assert max(elites) > 0  # at one stop or more a population had been left behind
    found = search(evaluator, chosen, start, Journal(tmp_path, space), resume=True)
    assert told(found) == told(expected)


def test_a_finished_run_resumes_to_its_own_outcome(
    evaluator: Evaluator, start: Genomes, tmp_path: Path
) -> None:
    chosen = settings(evaluator)
    space = evaluator.problem.space
    finished = search(evaluator, chosen, start, Journal(tmp_path, space))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    again = search(evaluator, chosen, start, Journal(tmp_path, space), resume=True)
    assert told(again) == told(finished)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@every_algorithm
def test_keeping_a_journal_changes_nothing(
    evaluator: Evaluator, start: Genomes, algorithm: str, tmp_path: Path
) -> None:
    chosen = settings(evaluator, algorithm)
    kept = search(evaluator, chosen, start, Journal(tmp_path, evaluator.problem.space))
    assert told(kept) == told(search(evaluator, chosen, start))


def test_the_state_of_another_algorithm_is_refused(
    evaluator: Evaluator, start: Genomes, tmp_path: Path
) -> None:
    space = evaluator.problem.space
    search(evaluator, settings(evaluator, "random"), start, Journal(tmp_path, space))
    with pytest.raises(JournalError, match=r"state\.json: damaged"):
        search(evaluator, settings(evaluator), start, Journal(tmp_path, space), resume=True)


# What is reached.


@pytest.mark.parametrize("name", ["res", "csp", "mob", "resnet", "mobv3"])
def test_every_field_of_every_stage_is_changed_sooner_or_later(name: str, tmp_path: Path) -> None:
    """By evolution itself: the random networks it begins with do not count."""
    space = load_space(name)
    evaluator = Evaluator(Problem(space, parse_budgets(["1TMACs"])))
    start = np.zeros((1, len(space.genes)), dtype=np.int16)
    search(evaluator, settings(evaluator, evaluations=2500), start, Journal(tmp_path, space))
    lines = (tmp_path / "history.jsonl").read_text("utf-8").splitlines()[1:]
    genes = [json.loads(line)["genes"] for line in lines[2 * BATCH :]]
    assert len(genes) > 500
    for gene, values in zip(space.genes, zip(*genes, strict=True), strict=True):
        assert len(set(values)) > 1, gene


def test_a_better_last_stage_is_found(evaluator: Evaluator, everything: Genomes) -> None:
    """The reference never changes its last stage; here it is what stands in the way."""
    space = evaluator.problem.space
    loose = Evaluator(replace(evaluator.problem, budgets=parse_budgets(["1s"])))
    outcome = search(
        loose,
        settings(loose, evaluations=6000),
        np.zeros((1, len(space.genes)), dtype=np.int16),
    )
    assert best_score(loose, outcome) == pytest.approx(optimum(loose, everything))
    assert outcome.best[0] is not None
    assert outcome.best[0].stages[-1] == space.stages[-1].build(
        {"out_channels": 48, "bottleneck_channels": 24, "depth": 4}
    )


@pytest.mark.parametrize("seed", range(4))
def test_evolution_finds_the_optimum_of_a_tiny_space(
    evaluator: Evaluator, start: Genomes, everything: Genomes, seed: int
) -> None:
    outcome = search(evaluator, settings(evaluator, evaluations=6000, seed=seed), start)
    assert outcome.unique < len(everything)
    assert best_score(evaluator, outcome) == pytest.approx(optimum(evaluator, everything))


def test_the_worst_evolution_beats_the_best_random_search(res: Evaluator) -> None:
    start = cheapest_networks(Options(res))
    evolved, drawn = (
        [best_score(res, search(res, settings(res, kind, 5000, seed), start)) for seed in range(3)]
        for kind in ("evolution", "random")
    )
    assert min(evolved) > max(drawn)


def test_evolution_comes_near_the_certified_optimum_of_a_bundled_space(
    t4: LatencyModel,
) -> None:
    budgets = parse_budgets(["3.8ms", "25layers"])
    evaluator = Evaluator(Problem(load_space("res"), budgets, t4, load_template("s").ops))
    options = Options(evaluator)
    (bound,) = certify(options, bins=1000)
    outcome = search(evaluator, settings(evaluator, evaluations=10_000), cheapest_networks(options))
    assert 0.985 * bound.upper < best_score(evaluator, outcome) <= bound.upper


# Budgets.


@every_algorithm
def test_every_network_returned_is_within_every_budget(res: Evaluator, algorithm: str) -> None:
    problem = res.problem
    start = cheapest_networks(Options(res))
    outcome = search(res, settings(res, algorithm, 4000), start)
    found = [problem.space.decode(genome.tolist()) for genome in outcome.finalists]
    assert outcome.best[0] == found[0]
    for backbone in found:
        assert problem.meets_budgets(backbone)
    assert outcome.accepted == outcome.feasible.sum() < outcome.unique


@every_algorithm
def test_the_best_of_each_limit_of_a_family_is_within_it(
    evaluator: Evaluator, start: Genomes, everything: Genomes, algorithm: str
) -> None:
    limits = (0.41, 0.43, 0.455, 0.48)
    outcome = search(evaluator, Settings(8000, 0, limits, searcher=ALGORITHMS[algorithm]), start)
    problem = evaluator.problem
    scores = []
    for limit, backbone in zip(limits, outcome.best, strict=True):
        assert backbone is not None
        assert problem.meets_budgets(backbone)
        assert problem.cost(backbone).latency_ms <= limit
        scores.append(problem.score(backbone))
        within = outcome.feasible & (outcome.prices <= limit)
        assert scores[-1] == pytest.approx(outcome.scores[within].max())
        if algorithm == "evolution":
            assert scores[-1] == pytest.approx(optimum(evaluator, everything, limit))
    assert scores == sorted(set(scores))


def test_a_limit_that_nothing_met_has_no_best(evaluator: Evaluator, start: Genomes) -> None:
    outcome = search(evaluator, Settings(1000, 0, (0.01, 0.48)), start)
    assert outcome.best[0] is None
    assert outcome.best[1] is not None


@every_algorithm
def test_budgets_that_nothing_meets_end_without_a_network(
    tiny: Space, t4: LatencyModel, algorithm: str
) -> None:
    evaluator = Evaluator(Problem(tiny, parse_budgets(["0.01ms"]), t4, score=SCORE))
    start = np.zeros((1, len(tiny.genes)), dtype=np.int16)
    outcome = search(evaluator, settings(evaluator, algorithm, 2000), start)
    assert outcome.best == (None,)
    assert (outcome.evaluations, outcome.accepted, outcome.curve) == (2000, 0, ())
    assert len(outcome.finalists) == 0


# The account of a run.


@every_algorithm
def test_the_outcome_adds_up(evaluator: Evaluator, start: Genomes, algorithm: str) -> None:
    steps: list[SearchProgress] = []
    outcome = search(evaluator, settings(evaluator, algorithm), start, report=steps.append)
    assert outcome.evaluations == 3000
    assert outcome.unique == len(outcome.scores) == len(outcome.prices) == len(outcome.feasible)
    assert outcome.unique <= outcome.evaluations
    assert outcome.accepted == outcome.feasible.sum()
    counts, scores = zip(*outcome.curve, strict=True)
    assert list(counts) == sorted(counts)
    assert list(scores) == sorted(set(scores))
    assert scores[-1] == outcome.scores[outcome.feasible].max()
    assert scores[-1] == pytest.approx(best_score(evaluator, outcome))
    for before, now in pairwise(steps):
        assert before.evaluations < now.evaluations <= before.evaluations + BATCH
        assert before.unique <= now.unique
        assert before.accepted <= now.accepted
    bests = [step.best_score for step in steps if step.best_score is not None]
    assert bests == sorted(bests)
    assert [step.best_score for step in steps[len(steps) - len(bests) :]] == bests
    last = steps[-1]
    assert (last.evaluations, last.unique) == (outcome.evaluations, outcome.unique)
    assert (last.accepted, last.best_score) == (outcome.accepted, scores[-1])
    assert outcome.best[0] is not None
    assert last.best_price == pytest.approx(evaluator.problem.cost(outcome.best[0]).latency_ms)


def test_finalists_are_different_networks_best_first(evaluator: Evaluator, start: Genomes) -> None:
    outcome = search(evaluator, settings(evaluator), start)
    found = evaluator(outcome.finalists)
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
    assert len(set(zip(found.scores.tolist(), found.prices.tolist(), strict=True))) == len(
        outcome.finalists
    )
    assert len(outcome.finalists) > 1


def test_networks_to_begin_with_are_evaluated(evaluator: Evaluator, everything: Genomes) -> None:
    all_ = evaluator(everything)
    best = everything[np.where(all_.feasible, all_.scores, -inf).argmax()]
    outcome = search(evaluator, settings(evaluator, evaluations=BATCH), best[None])
    assert best_score(evaluator, outcome) == pytest.approx(optimum(evaluator, everything))


def test_an_exhausted_space_ends(tmp_path: Path) -> None:
    path = tmp_path / "few.yaml"
    path.write_text(
        "format: maenas/space@1\nin_shape: [3, 32, 32]\nfeatures: [1]\nstages:\n"
        "  - {block: conv_stem, out_channels: [8, 16]}\n"
        "  - {block: res_k1kx, out_channels: [8, 16], bottleneck_channels: 8, depth: [1, 2, 3]}\n",
        encoding="utf-8",
    )
    space = load_space(str(path))
    evaluator = Evaluator(Problem(space, parse_budgets(["1GMACs"]), score=MaxEntropy((1.0,))))
    start = np.zeros((1, 3), dtype=np.int16)
    for algorithm in ("evolution", "random"):
        outcome = search(evaluator, settings(evaluator, algorithm, 20_000), start)
        assert outcome.evaluations == 20_000
        assert outcome.unique == 2 * 2 * 3 - 3  # all but 16 then 8 wide
        assert outcome.best[0] is not None
        assert outcome.best[0].layers == 1 + 2 * 3


@every_algorithm
def test_a_space_with_a_single_legal_network_ends(tmp_path: Path, algorithm: str) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(
        "format: maenas/space@1\nin_shape: [3, 32, 32]\nfeatures: [1]\nstages:\n"
        "  - {block: conv_stem, out_channels: [8, 16]}\n"
        "  - {block: res_k1kx, out_channels: 8, bottleneck_channels: 8}\n",
        encoding="utf-8",
    )
    space = load_space(str(path))
    evaluator = Evaluator(Problem(space, parse_budgets(["1GMACs"]), score=MaxEntropy((1.0,))))
    start = np.zeros((1, 1), dtype=np.int16)
    outcome = search(evaluator, settings(evaluator, algorithm, 5000), start)
    assert (outcome.evaluations, outcome.unique) == (5000, 1)


# The exact algorithm.


def test_solving_exactly_finds_the_optimum_under_each_limit(
    evaluator: Evaluator, everything: Genomes
) -> None:
    limits = (0.41, 0.455, 0.48)
    outcome = solve_exactly(Options(evaluator), Settings(1, 0, limits))
    for limit, backbone in zip(limits, outcome.best, strict=True):
        assert backbone is not None
        assert evaluator.problem.meets_budgets(backbone)
        best = optimum(evaluator, everything, limit)
        assert evaluator.problem.score(backbone) == pytest.approx(best, rel=1e-4)
    assert outcome.curve[-1][1] == pytest.approx(best_score(evaluator, outcome))
    assert outcome.unique == outcome.accepted == len(outcome.finalists) == 3


def test_solving_exactly_what_cannot_be_met_finds_nothing(tiny: Space, t4: LatencyModel) -> None:
    budget = Budget("latency_ms", 0.01, "0.01ms")
    options = Options(Evaluator(Problem(tiny, (budget,), t4, score=SCORE)))
    outcome = solve_exactly(options, Settings(1, 0, (0.01,)))
    assert outcome.best == (None,)
    assert outcome.curve == ()
