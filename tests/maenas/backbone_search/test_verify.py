"""Finalists are ranked by what they take on the device, best score first within the budget."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from maenas.backbone_search.plan import Subproblem, plan
from maenas.backbone_search.results.finish import SolvedWithin
from maenas.backbone_search.results.lines import disturbed_note
from maenas.backbone_search.tasks import prepare
from maenas.backbone_search.verification.meters import BackendMeter, Reading
from maenas.backbone_search.verify import Measurement, Verified, Verifier
from maenas.blocks import Backbone, load_backbone
from maenas.budgets import InfeasibleError
from maenas.budgets.graph import graph_layers, static_graph
from maenas.budgets.graph.operator_graph import reference_graph
from maenas.runs.config import SearchConfig
from maenas.search_spaces.moves import Moves
from tests.cpu_table import cpu_table
from tests.maenas.conftest import SMALL_SPACE
from tests.slow_machine import SlowMachine, true_us


def subproblem_of(folder: Path, limit: str) -> Subproblem:
    """Backbones alone, on a CPU whose operators take what the slow machine says."""
    (folder / "small.yaml").write_text(SMALL_SPACE)
    cpu_table().save(folder / "mine.json")
    config = SearchConfig(
        budgets=(limit,), device=str(folder / "mine.json"), space=str(folder / "small.yaml"),
        template="t", scope="backbone", input_size=64, weights=(1.0, 1.0, 2.0, 4.0),
    )  # fmt: skip
    (subproblem,) = plan(config)
    return subproblem


def verifier_on(
    opened: Callable[[], SlowMachine], reference_ms: float | None, count: int
) -> Verifier:
    return Verifier({"latency_ms": lambda: BackendMeter(opened(), reference_ms)}, count)


def finalists_of(subproblem: Subproblem, count: int) -> list[Backbone]:
    """Best score first."""
    space = subproblem.problem.space
    genomes = Moves(space).sample(np.random.default_rng(0), count, all_sizes=True)
    drawn = [space.decode(genome.tolist()) for genome in genomes]
    return sorted(drawn, key=subproblem.problem.score, reverse=True)


def test_within_the_budget_the_score_counts_and_beyond_it_the_time(tmp_path: Path) -> None:
    subproblem = subproblem_of(tmp_path, "5ms")
    finalists = finalists_of(subproblem, 5)
    verifier = verifier_on(SlowMachine, None, 5)
    times = sorted(one.measured_ms for one in verifier(subproblem, finalists)[0])
    limit = (times[2] + times[3]) / 2
    found, _ = verifier(replace(subproblem, limits=(limit,)), finalists)
    within, beyond = found[:3], found[3:]
    assert [one.within for one in found] == [True, True, True, False, False]
    assert max(one.measured_ms for one in within) <= limit
    scores = [one.score for one in within]
    assert scores == sorted(scores, reverse=True)
    assert limit < beyond[0].measured_ms <= beyond[1].measured_ms
    assert all(one.score == subproblem.problem.score(finalists[one.rank - 1]) for one in found)


def test_no_more_are_measured_than_asked_for(tmp_path: Path) -> None:
    subproblem, machine = subproblem_of(tmp_path, "5ms"), SlowMachine()
    found, measured_on = verifier_on(lambda: machine, None, 2)(
        subproblem, finalists_of(subproblem, 5)
    )
    assert sorted(one.rank for one in found) == [1, 2]
    assert len(machine.compiled) == 3  # the reference as well
    assert measured_on == machine.provenance()


def test_a_device_that_runs_slower_than_when_its_table_was_measured_is_told_apart(
    tmp_path: Path,
) -> None:
    subproblem, machine = subproblem_of(tmp_path, "5ms"), SlowMachine()
    finalists = finalists_of(subproblem, 3)
    reference_ms = sum(map(true_us, graph_layers(static_graph(reference_graph())).ops)) / 1e3
    at_full_speed, _ = verifier_on(lambda: machine, reference_ms, 3)(subproblem, finalists)
    slow = SlowMachine()
    slow.time = 2.0
    at_half_speed, _ = verifier_on(lambda: slow, reference_ms, 3)(subproblem, finalists)
    for one, other in zip(at_full_speed, at_half_speed, strict=True):
        assert other.measured_ms == pytest.approx(one.measured_ms, rel=0.05)
    raw, _ = verifier_on(lambda: slow, None, 3)(subproblem, finalists)
    assert raw[0].measured_ms == pytest.approx(2 * at_full_speed[0].measured_ms, rel=0.05)
    assert raw[0].error == pytest.approx(raw[0].predicted_ms / raw[0].measured_ms - 1)


@pytest.mark.parametrize(("pace", "said"), [(0.6, "too much"), (2.0, "too little"), (1.0, "")])
def test_predictions_that_are_far_off_are_told_with_the_remedy(
    tmp_path: Path, pace: float, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    subproblem, machine = subproblem_of(tmp_path, "5ms"), SlowMachine()
    machine.time = pace
    verifier_on(lambda: machine, None, 2)(subproblem, finalists_of(subproblem, 2))
    warned = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert len(warned) == bool(said)
    for text in warned:
        assert f"% {said}, so its table was measured in another state" in text
        assert "`maenas profile` measures it again" in text


@pytest.mark.slow
def test_where_no_finalist_fits_a_tighter_limit_is_searched(tmp_path: Path) -> None:
    subproblem = subproblem_of(tmp_path, "5ms")
    finalists = finalists_of(subproblem, 5)
    limits: list[float] = []

    def within(tighter: Mapping[str, float]) -> Backbone:
        limits.append(tighter["latency_ms"])
        return finalists[-1]

    all_of_them, _ = verifier_on(SlowMachine, None, 5)(subproblem, finalists)
    times = {one.rank: one.measured_ms for one in all_of_them}
    limit = (times[5] + min(times[1], times[2])) / 2
    assert times[5] < limit
    found, _ = verifier_on(SlowMachine, None, 2)(
        replace(subproblem, limits=(limit,)), finalists, within
    )
    assert [one.within for one in found] == [True, False, False]
    assert found[0].backbone == finalists[-1]
    assert found[0].rank == 3
    assert limits[0] < min(one.predicted_ms for one in found[1:])


def test_on_a_device_faster_than_predicted_the_budget_is_used(tmp_path: Path) -> None:
    limit = 0.1
    subproblem = replace(subproblem_of(tmp_path, "5ms"), limits=(limit,))
    solved = SolvedWithin(prepare(subproblem))
    best = solved.best({"latency_ms": limit})
    assert best is not None
    machine = SlowMachine()
    machine.time = 0.6
    found, _ = verifier_on(lambda: machine, None, 1)(subproblem, [best], solved.best)
    chosen, first = found[0], next(one for one in found if one.rank == 1)
    assert first.measured_ms < 0.7 * limit
    assert chosen.predicted_ms > limit
    assert 0.9 * limit < chosen.measured_ms <= limit
    assert chosen.score > subproblem.problem.score(best)
    proof = solved.proof(chosen.backbone)
    assert proof is not None
    assert proof.limit == pytest.approx(limit / 0.6, rel=0.15)
    assert chosen.score <= proof.upper


def test_a_disturbed_measurement_raises_no_limit_and_says_so(tmp_path: Path, caplog: Any) -> None:
    caplog.set_level(logging.INFO)
    subproblem = replace(subproblem_of(tmp_path, "5ms"), limits=(0.1,))
    solved = SolvedWithin(prepare(subproblem))
    best = solved.best({"latency_ms": 0.1})
    assert best is not None
    disturbed = Mock(measure=lambda finalist: Reading(0.01, ("disturbed",)), provenance=dict)
    found, _ = Verifier({"latency_ms": lambda: disturbed}, 1)(subproblem, [best], solved.best)
    assert [one.backbone for one in found] == [best]
    [said] = [line for line in caplog.messages if "of the budget stays unused" in line]
    assert said.startswith("90 % of the budget stays unused: other jobs disturbed")


def test_where_nothing_fits_no_network_is_chosen(tmp_path: Path) -> None:
    subproblem = replace(subproblem_of(tmp_path, "5ms"), limits=(1e-6,))
    with pytest.raises(InfeasibleError, match="none of 3 networks measured is within"):
        verifier_on(SlowMachine, None, 3)(subproblem, finalists_of(subproblem, 3))


def test_a_measurement_on_a_disturbed_device_is_not_called_reliable() -> None:
    backbone = load_backbone("zoo:damo-yolo-s")
    calm = Measurement("cpu", 3.0, 2.9, True)
    noisy = replace(calm, measured_ms=0.1, warnings=("noisy",))
    assert disturbed_note(Verified(1, backbone, 600.0, (calm,))) is None
    told = disturbed_note(Verified(1, backbone, 600.0, (noisy,)))
    assert told is not None
    assert "is not reliable (noisy)" in told
