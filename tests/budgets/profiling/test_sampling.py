"""Samples are taken beside a reference, until they settle or time is over."""

from __future__ import annotations

import numpy as np
import pytest

from maenas.budgets.graph.operator_graph import operator_graph, reference_graph
from maenas.budgets.profiling.sampling import MAX_ROUNDS, MIN_ROUNDS, Samples, sample, spread
from tests.slow_machine import SlowMachine, operators


def sampled(machine: SlowMachine, layers: bool = True, seconds: float = 1.0) -> Samples:
    reference = machine.compile(reference_graph())
    return sample(machine.compile(operator_graph(operators()[0]), layers), reference, seconds)


def test_there_is_a_time_of_the_reference_to_every_inference_and_the_mean_of_every_layer() -> None:
    found = sampled(SlowMachine())
    assert len(found.ms) == len(found.reference_ms) >= MIN_ROUNDS
    assert [layer.us for layer in found.layers] == [pytest.approx(1e3 * np.mean(found.ms))]
    assert found.warnings == ()


def test_layers_are_left_out_where_they_were_not_asked_for() -> None:
    assert sampled(SlowMachine(), layers=False).layers == ()


def test_a_disturbed_graph_is_sampled_longer_and_marked() -> None:
    quiet, disturbed = sampled(SlowMachine()), sampled(SlowMachine(outliers=0.4))
    assert len(disturbed.ms) > len(quiet.ms)
    assert disturbed.warnings == ("noisy",)


def test_no_round_begins_after_the_time_is_over() -> None:
    short, long = (sampled(SlowMachine(outliers=0.4), seconds=s) for s in (0.0, 30.0))
    assert len(short.ms) < len(long.ms)
    assert len(long.ms) % MAX_ROUNDS == 0
    assert len(short.ms) % MIN_ROUNDS == 0


def test_what_the_device_warns_of_is_kept_once() -> None:
    assert sampled(SlowMachine(warnings=("throttled",))).warnings == ("throttled",)


def test_the_spread_is_the_distance_of_quartiles_to_the_median() -> None:
    assert spread(np.array([1.0, 2.0, 3.0, 4.0, 5.0])) == pytest.approx((4 - 2) / 3)
