"""The graphs that are measured for a transfer tell more than others, within their time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maenas.budgets.device import load_bundled
from maenas.budgets.graph.operator_graph import reference_graph
from maenas.budgets.pricing.operator_model import OperatorModel
from maenas.budgets.profiling.choice import (
    Candidate,
    _reduction,
    _updated,
    measuring_seconds,
    most_informative,
)
from maenas.budgets.profiling.profile import Item
from tests.cpu_table import cpu_table


@pytest.fixture(scope="module")
def source() -> OperatorModel:
    found = load_bundled("intel-8163")
    assert isinstance(found, OperatorModel)
    return found


@pytest.fixture(scope="module")
def candidates() -> list[Candidate]:
    table = cpu_table()
    return [
        Candidate(Item(sample.name, sample.role, reference_graph), table.ops_of(sample))
        for sample in table.samples
        if sample.role == "fit" or sample.name.endswith("5")
    ]


@pytest.mark.parametrize("has_layers", [True, False])
def test_as_many_are_chosen_as_requested_and_none_twice(candidates, source, has_layers) -> None:
    chosen = most_informative(candidates, source, 5, 60.0, has_layers)
    assert len({one.item.name for one in chosen}) == 5
    assert chosen[0].item.role == "fit"


def test_what_is_chosen_is_expected_to_fit_in_the_time(candidates, source) -> None:
    chosen = most_informative(candidates, source, 10, 12.0, True)
    seconds = [measuring_seconds(source.latency_ms(one.ops), 12.0) for one in chosen]
    assert 1 <= len(chosen) < 10
    assert sum(seconds) <= 12.0


def test_graphs_without_a_price_at_the_source_are_skipped(candidates, source) -> None:
    kernels = {kind: kernel for kind, kernel in source.kernels.items() if kind.family != "slice"}
    chosen = most_informative(candidates, replace(source, kernels=kernels), 6, 60.0, True)
    assert len(chosen) == 6
    assert "slice" not in {op.kind for one in chosen for op in one.ops}


def test_nothing_is_chosen_where_no_network_has_a_price(candidates, source) -> None:
    kernels = {kind: kernel for kind, kernel in source.kernels.items() if kind.family == "add"}
    assert most_informative(candidates, replace(source, kernels=kernels), 6, 60.0, True) == []


def test_a_reduction_is_the_variance_that_an_observation_takes_away() -> None:
    random = np.random.default_rng(0)
    rows, targets = random.normal(size=(3, 5)), random.normal(size=(2, 5))
    before = np.eye(5)
    after = np.linalg.inv(np.linalg.inv(before) + rows.T @ rows)
    assert _updated(before, rows) == pytest.approx(after)
    taken = np.trace(targets @ (before - after) @ targets.T)
    assert _reduction(rows, before, before @ targets.T) == pytest.approx(taken)
