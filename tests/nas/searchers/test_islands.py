"""Islands: pure tasks, exchanges at fixed counts, the same search wherever and however often."""

from __future__ import annotations

import importlib
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from maenas.budgets import parse_budgets
from maenas.nas import (
    Evaluator,
    Evolution,
    Journal,
    JournalError,
    MaxEntropy,
    Outcome,
    Problem,
    Settings,
    cheapest_networks,
    search_islands,
)
from maenas.nas.certificate.options import Options
from maenas.nas.executors import InProcess
from maenas.nas.searchers.islands import Ground, IslandTask, Networks
from maenas.search_spaces import load_space
from maenas.search_spaces.moves import Genomes
from tests.outcomes import Stopped, after, told

ENGINE = importlib.import_module("maenas.nas.searchers.islands")
WEIGHTS = (1.0, 1.0, 4.0)
EVERY = 600


def settings(
    evaluator: Evaluator, islands: int = 3, evaluations: int = 5000, seed: int = 0
) -> Settings:
    limits = (evaluator.problem.ranged.limit,)
    return Settings(evaluations, seed, limits, islands=islands, migrate_every=EVERY)


def run(evaluator: Evaluator, chosen: Settings, start: Genomes, *rest: object) -> Outcome:
    return search_islands(evaluator, chosen, start, InProcess(), *rest)  # type: ignore[arg-type]


def task_of(evaluator: Evaluator, start: Genomes, **changes: object) -> IslandTask:
    """The first task of an island, or another."""
    ground = Ground(evaluator.problem, (evaluator.problem.ranged.limit,), start, Evolution)
    fields = {"seed": (0, 1), "count": 800, "state": None, "kept": None, "visitors": None}
    shared = InProcess().share(ground)
    return IslandTask(ground=shared, writes=True, **{**fields, **changes})  # type: ignore[arg-type]


def test_an_epoch_is_a_function_of_its_state(evaluator: Evaluator, start: Genomes) -> None:
    first, again = (task_of(evaluator, start).run() for _ in range(2))
    assert pickle.dumps(first) == pickle.dumps(again)
    later = [task_of(evaluator, start, state=first.state, kept=first.kept).run() for _ in range(2)]
    assert pickle.dumps(later[0]) == pickle.dumps(later[1]) != pickle.dumps(first)


def test_islands_begin_differently(evaluator: Evaluator, start: Genomes) -> None:
    one, other = (task_of(evaluator, start, seed=(0, number)).run() for number in (0, 1))
    assert one.new.genomes.tolist() != other.new.genomes.tolist()


def test_an_epoch_tells_what_it_met_once_and_truly(evaluator: Evaluator, start: Genomes) -> None:
    evolved = task_of(evaluator, start).run()
    assert evolved.proposed == 800
    genomes = evolved.new.genomes
    assert len(np.unique(genomes, axis=0)) == len(genomes) == len(evolved.lines)
    assert evaluator(genomes).scores.tolist() == evolved.new.evaluation.scores.tolist()
    scores = [json.loads("{" + line)["score"] for line in evolved.lines]
    assert scores == evolved.new.evaluation.scores.tolist()


def test_good_visitors_stay(evaluator: Evaluator, start: Genomes, everything: Genomes) -> None:
    worth = evaluator(everything)
    best = int(np.where(worth.feasible, worth.scores, 0.0).argmax())
    index = np.array([best])
    visitors = Networks(everything[index], worth.at(index))
    first = task_of(evaluator, start, count=300).run()
    assert everything[best].tolist() not in first.kept.genomes.tolist()
    later = task_of(
        evaluator, start, count=300, state=first.state, kept=first.kept, visitors=visitors
    ).run()
    assert later.kept.genomes[0].tolist() == everything[best].tolist()
    assert everything[best].tolist() not in later.new.genomes.tolist()  # met by its own island


def test_one_seed_gives_one_outcome_and_another_seed_another(
    evaluator: Evaluator, start: Genomes
) -> None:
    first, again = (run(evaluator, settings(evaluator), start) for _ in range(2))
    assert told(first) == told(again)
    assert told(run(evaluator, settings(evaluator, seed=1), start)) != told(first)


@pytest.mark.parametrize("evaluations", [1, 2, 599, 1801, 5000])
def test_all_evaluations_are_spent_and_no_more(
    evaluator: Evaluator, start: Genomes, evaluations: int
) -> None:
    outcome = run(evaluator, settings(evaluator, evaluations=evaluations), start)
    assert outcome.evaluations == evaluations
    assert outcome.accepted <= outcome.unique <= evaluations


def test_the_optimum_of_a_tiny_space_is_found(
    evaluator: Evaluator, start: Genomes, everything: Genomes
) -> None:
    worth = evaluator(everything)
    outcome = run(evaluator, settings(evaluator, islands=4, evaluations=20_000), start)
    assert outcome.curve[-1][1] == pytest.approx(worth.scores[worth.feasible].max())


@pytest.mark.parametrize("stops", [(1,), (4,), (7,), (4, 1, 5), (3, 3, 3)], ids=str)
def test_a_run_stopped_anywhere_resumes_to_the_identical_outcome(
    evaluator: Evaluator,
    start: Genomes,
    stops: tuple[int, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each stop comes after an interval, in the middle of a round or at its end."""
    monkeypatch.setattr(ENGINE, "SAVE_EVERY_S", -1.0)  # after every round
    chosen, space = settings(evaluator, evaluations=9_000), evaluator.problem.space
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    expected = run(evaluator, chosen, start, Journal(whole, space))
    for intervals in stops:
        resume = (parts / "state.json").exists()
        with pytest.raises(Stopped):
            run(evaluator, chosen, start, Journal(parts, space), resume, after(intervals))
    resume = (parts / "state.json").exists()
    found = run(Evaluator(evaluator.problem), chosen, start, Journal(parts, space), resume)
    assert told(found) == told(expected) == told(run(evaluator, chosen, start))
    for name in ("history.jsonl", "state.json"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes(), name


def test_the_history_holds_every_network_once_whoever_met_it(
    evaluator: Evaluator, start: Genomes, tmp_path: Path
) -> None:
    journal = Journal(tmp_path, evaluator.problem.space)
    outcome = run(evaluator, settings(evaluator), start, journal)
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()[1:]]
    assert [row["i"] for row in rows] == list(range(outcome.unique))
    assert len({str(row["genes"]) for row in rows}) == outcome.unique
    assert [row["score"] for row in rows] == outcome.scores.tolist()


def test_the_state_of_another_number_of_islands_is_refused(
    evaluator: Evaluator, start: Genomes, tmp_path: Path
) -> None:
    space = evaluator.problem.space
    run(evaluator, settings(evaluator, islands=3), start, Journal(tmp_path, space))
    with pytest.raises(JournalError, match="another number of islands"):
        run(evaluator, settings(evaluator, islands=2), start, Journal(tmp_path, space), True)


def test_an_exhausted_space_ends(tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(
        "format: maenas/space@1\nin_shape: [3, 64, 64]\nfeatures: [0, 1]\nstages:\n"
        "  - {block: conv_stem, out_channels: [8, 16]}\n"
        "  - {block: res_k1kx, out_channels: 32, bottleneck_channels: 8, stride: 2}\n"
    )
    problem = Problem(load_space(str(tmp_path / "two.yaml")), parse_budgets(["1GMACs"]),
                      score=MaxEntropy((1.0, 1.0)))  # fmt: skip
    evaluator = Evaluator(problem)
    start = cheapest_networks(Options(evaluator))
    outcome = run(evaluator, settings(evaluator, islands=2, evaluations=3000), start)
    assert outcome.unique == 2
