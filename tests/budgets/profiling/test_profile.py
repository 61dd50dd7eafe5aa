"""A device is profiled although its speed drifts, it is disturbed, killed, or fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from maenas.blocks.errors import MaenasError, SpecError
from maenas.budgets.backends import BackendError, LayerTime
from maenas.budgets.graph import graph_layers, static_graph
from maenas.budgets.graph.operator_graph import reference_graph
from maenas.budgets.pricing.table import LatencyTable
from maenas.budgets.profiling.partial_profile import Measured, PartialProfile
from maenas.budgets.profiling.profile import (
    Item,
    ProfileProgress,
    layer_samples,
    measure_item,
    merged,
    profile,
)
from maenas.budgets.profiling.sampling import Samples
from tests.graphs import kernels, made
from tests.slow_machine import SlowMachine, network, profile_items, true_us

HEADER = {"device": "slow", "seed": 0}


def measured(
    machine: SlowMachine, path: Path, items: list[Item], seconds: float = 1e6
) -> tuple[list[Measured], list[str]]:
    return profile(machine, items, PartialProfile(path, HEADER), seconds)


def table_of(found: list[Measured]) -> LatencyTable:
    ops, samples = merged(found)
    return LatencyTable(
        name="slow", device="slow", hardware="cpu", backend="slow", precision="f32", threads=1,
        batch=1, created="2026-11-22T10:00:00+00:00", maenas="0.1.0", provenance={}, ops=ops,
        samples=samples,
    )  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "slow.json.partial"


def test_a_device_that_slows_down_to_half_its_speed_is_priced_at_one_speed(path) -> None:
    machine = SlowMachine(slowing=0.05, outliers=0.02)
    found, notes = measured(machine, path, profile_items(20, 10))
    assert machine.time == 2.0
    assert notes == []
    table = table_of(found)
    assert len(table.errors.names) == 10
    assert table.errors.mean < 0.02
    assert table.errors.within_10 == 1
    truth = [
        sum(map(true_us, table.ops_of(sample))) / 1e3
        for sample in table.samples
        if sample.role == "held-out"
    ]
    speeds = [ms / true for ms, true in zip(table.errors.measured_ms, truth, strict=True)]
    assert speeds == pytest.approx([speeds[0]] * 10, rel=0.05)
    assert 1 <= min(speeds) <= max(speeds) < 1.3  # that of the fastest tenth, not of the slow half


def test_without_the_reference_it_would_not_be(path: Path) -> None:
    """The test above can fail."""
    found, _ = measured(SlowMachine(slowing=0.05), path, profile_items(20, 10))
    table = table_of(found)
    raw = {s.name: min(s.ms) for s in table.samples if s.role == "held-out"}
    errors = [
        abs(predicted / raw[name] - 1)
        for name, predicted in zip(table.errors.names, table.errors.predicted_ms, strict=True)
    ]
    assert max(errors) > 0.3


def test_every_operator_of_a_network_gets_its_own_time(path: Path) -> None:
    found = measure_item(
        SlowMachine(), profile_items()[0], SlowMachine().compile(reference_graph())
    )
    assert len(found.sample.layers) == 5
    for layer in found.sample.layers:
        (index,) = layer.ops
        assert layer.us == pytest.approx(true_us(found.ops[index]), rel=0.05)


def test_held_out_networks_run_without_the_clock_that_layers_need(path: Path) -> None:
    found, _ = measured(SlowMachine(), path, profile_items())
    for one in found:
        assert bool(one.sample.layers) == (one.sample.role != "held-out")


def test_short_times_are_kept_to_six_digits(path: Path) -> None:
    found, _ = measured(SlowMachine(), path, profile_items())
    shortest = min(found, key=lambda one: min(one.sample.ms)).sample
    assert len({round(ms, 7) for ms in shortest.ms}) > 3


# What is not finished.


def test_a_profile_that_was_killed_goes_on_where_it_stopped(path: Path) -> None:
    items = profile_items()

    class Killed(Exception):
        pass

    def kill(progress: ProfileProgress) -> None:
        assert progress.lacking == max(0, 15 - progress.done)  # all of these are networks
        if progress.done == 7:
            raise Killed

    with pytest.raises(Killed):
        profile(SlowMachine(), items, PartialProfile(path, HEADER), 1e6, kill)
    before = PartialProfile(path, HEADER).load()
    assert len(before) == 7
    machine = SlowMachine()
    found, _ = measured(machine, path, items)
    assert found[:7] == before
    assert [one.sample.name for one in found] == [item.name for item in items]
    assert len(machine.compiled) == 1 + len(items) - 7  # the reference, and the rest
    assert PartialProfile(path, HEADER).load() == found


def test_a_last_line_that_was_cut_off_is_dropped_and_measured_again(path: Path) -> None:
    items = profile_items()
    found, _ = measured(SlowMachine(), path, items)
    path.write_bytes(path.read_bytes()[:-20])
    assert PartialProfile(path, HEADER).load() == found[:-1]
    again, _ = measured(SlowMachine(), path, items)
    assert len(again) == len(items)
    assert again[:-1] == found[:-1]


def test_a_file_cut_off_in_its_first_line_is_begun_anew(path: Path) -> None:
    path.write_text('{"format": "maenas/unfin')
    found, _ = measured(SlowMachine(), path, profile_items())
    assert PartialProfile(path, HEADER).load() == found


def test_the_beginning_of_another_profile_is_refused(path: Path) -> None:
    measured(SlowMachine(), path, profile_items())
    with pytest.raises(
        SpecError, match=r"partial profile of other settings \(seed 0, not 1\); --exist-ok"
    ):
        PartialProfile(path, {**HEADER, "seed": 1}).load()


@pytest.mark.parametrize(
    "text", ["not json\n", "[1]\n", '{"format": 1}\n{}\n', "\xff\n", '"text"\n']
)
def test_a_file_that_is_no_profile_is_refused(path: Path, text: str) -> None:
    path.write_text(text, encoding="latin-1")
    with pytest.raises(SpecError, match=r"slow.json.partial: is (not )?a partial"):
        PartialProfile(path, HEADER).load()


def test_a_sample_that_was_edited_into_nonsense_is_refused(path: Path) -> None:
    measured(SlowMachine(), path, profile_items())
    lines = path.read_text().splitlines()
    edited = json.loads(lines[1])
    edited["sample"]["ms"][0] = -1
    path.write_text("\n".join([lines[0], json.dumps(edited), *lines[2:]]) + "\n")
    with pytest.raises(SpecError, match="times must be positive"):
        PartialProfile(path, HEADER).load()


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"gone/x.partial: cannot be written: No such file"):
        measured(SlowMachine(), tmp_path / "gone" / "x.partial", profile_items())


# Devices that fail.


def test_a_device_that_is_gone_stops_the_profile_and_keeps_what_was_measured(path: Path) -> None:
    message = r"device is gone\. That was graph number 3 in a row; .*slow.json.partial: .*--resume"
    with pytest.raises(BackendError, match=message):
        measured(SlowMachine(fails_after=6), path, profile_items())
    assert len(PartialProfile(path, HEADER).load()) == 5  # one of the six was the reference
    found, notes = measured(SlowMachine(), path, profile_items())
    assert len(found) == len(profile_items())
    assert notes == []


def test_a_graph_that_fails_is_noted_and_left_out(path: Path) -> None:
    found, notes = measured(SlowMachine(refuses=("pool",)), path, profile_items())
    assert notes == [
        "operator/2 left out: slow: cannot run the model.",
        "operator/3 left out: slow: cannot run the model.",
    ]
    assert len(found) == len(profile_items()) - 2


def test_an_unknown_operator_is_an_error_where_prices_are_fitted(path: Path) -> None:
    item = Item(
        "theirs", "fit", lambda: static_graph(made(["y = LRN x"], attributes={"y": {"size": 3}}))
    )
    reference = SlowMachine().compile(reference_graph())
    with pytest.raises(MaenasError, match="theirs: has unknown operators: 1 x LRN"):
        measure_item(SlowMachine(), item, reference)


@pytest.mark.slow
def test_what_the_device_warns_of_marks_its_samples(path: Path) -> None:
    found, _ = measured(SlowMachine(warnings=("throttled",)), path, profile_items())
    assert {one.sample.warnings for one in found} == {("throttled",)}


def test_time_that_is_over_ends_the_profile_once_it_can_check_itself(path: Path) -> None:
    found, _ = measured(SlowMachine(), path, profile_items(30, 20)[20:], seconds=0.0)
    roles = [one.sample.role for one in found]
    assert (roles.count("fit"), roles.count("held-out")) == (10, 6)


# Whose time is whose.


def samples_of(*times: tuple[tuple[str, ...], float, bool]) -> Samples:
    layers = tuple(
        LayerTime(f"runtime {index}", nodes, "kernel", us, layout)
        for index, (nodes, us, layout) in enumerate(times)
    )
    return Samples((1.0,), (1.0,), layers)


def test_the_runtime_may_cut_the_graph_otherwise_than_we_do() -> None:
    lines = ["a = Conv x w", "r = Relu a", "b = Conv r w", "c = Conv b w"]
    layers = graph_layers(static_graph(made(lines, weights={"w": kernels(8, 8)}))).layers
    listed = [[index] for index in range(3)]
    samples = samples_of(
        (("a",), 1.0, False),  # the activation apart: both belong to the first layer
        (("r",), 2.0, False),
        (("b", "c"), 4.0, False),  # two layers at once
        (("b",), 8.0, True),  # a change of layout for one of them
        (("stranger",), 16.0, False),
    )
    found = {s.ops: s.us for s in layer_samples(layers, listed, samples, whole=True)}
    assert found == {(0,): 3.0, (1, 2): 12.0}


def test_an_operator_without_a_time_ran_inside_the_layer_that_makes_its_input() -> None:
    lines = [
        "a = Conv x w",
        "t = Transpose a",
        "u = Transpose t",
        "s = Sigmoid x",
        "y = MatMul s u",
    ]
    layers = graph_layers(static_graph(made(lines, weights={"w": kernels(8, 8)}))).layers
    samples = samples_of((("a",), 1.0, False), (("s",), 2.0, False), (("y",), 4.0, False))
    listed = [[index] for index in range(5)]
    found = {s.ops: s.us for s in layer_samples(layers, listed, samples, whole=True)}
    assert found == {(0, 1, 2): 1.0, (3,): 2.0, (4,): 4.0}


def test_a_change_of_layout_is_not_the_time_of_an_operator_alone() -> None:
    layers = graph_layers(network(0)).layers[:1]
    node = layers[0].nodes[0]
    samples = samples_of(((node,), 1.0, False), ((node,), 2.0, True))
    (alone,) = layer_samples(layers, [[0]], samples, whole=False)
    assert alone.us == 1.0


def test_a_device_that_computes_in_another_precision_is_not_profiled(tmp_path: Path) -> None:
    device = SlowMachine()
    device.precision = "int8"
    with pytest.raises(BackendError, match="runs convolutions in f32, not in int8 as requested"):
        profile(device, profile_items(), PartialProfile(tmp_path / "x.partial", {}), 60.0)
    assert not (tmp_path / "x.partial").exists()
