"""A device whose prices are multiples of another one's is found from a few of its networks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maenas.blocks import Op
from maenas.blocks.errors import SpecError
from maenas.budgets.device import load_bundled
from maenas.budgets.pricing.kernels import kernel_of, terms_of, work_of
from maenas.budgets.pricing.operator_model import Observation, OperatorModel
from maenas.budgets.pricing.origin import Origin, read_origin
from maenas.budgets.pricing.table import LatencyTable, load_table
from maenas.budgets.pricing.transfer import transferred
from tests.cpu_table import cpu_table

NETWORKS = ("zoo:ns", "zoo:nl", "zoo:t", "zoo:m")
OTHERS = ("zoo:nm", "zoo:s", "zoo:l")


@pytest.fixture(scope="module")
def source() -> OperatorModel:
    found = load_bundled("intel-8163")
    assert isinstance(found, OperatorModel)
    return found


def device(source: OperatorModel, seed: int | None) -> LatencyTable:
    """A device that multiplies each kind of work by a factor drawn at random, or by one."""
    random = np.random.default_rng(seed)
    factors: dict[str, float] = {}

    def us(op: Op) -> float:
        prices = source.kernel(op).us
        total = 0.0
        for index, (price, term) in enumerate(zip(prices, terms_of(op), strict=True)):
            work = work_of(kernel_of(op), index, len(prices))
            factor = 1.0 if seed is None else float(np.exp(random.normal(1, 0.5)))
            total += price * term * factors.setdefault(work, factor)
        return total

    table = cpu_table()
    networks = [sample for sample in table.samples if sample.role == "fit"]
    times = {op: us(op) for sample in networks for op in table.ops_of(sample)}
    samples = tuple(
        replace(
            sample,
            ms=(sum(times[table.ops[index]] for index in sample.ops) / 1e3,) * len(sample.ms),
            layers=tuple(
                replace(layer, us=sum(times[table.ops[index]] for index in layer.ops))
                for layer in sample.layers
            ),
        )
        for sample in networks
    )
    return replace(table, samples=samples)


def few(truth: LatencyTable, source: OperatorModel) -> LatencyTable:
    """The table of four networks of a device and the prices of the source."""
    samples = tuple(sample for sample in truth.samples if sample.name in NETWORKS)
    return replace(truth, samples=samples, transfer=Origin.of("lab/mine.json", source))


def worst(model: OperatorModel, truth: LatencyTable) -> float:
    """The largest error on the networks that were not measured."""
    networks = [sample for sample in truth.samples if sample.name in OTHERS]
    pairs = [(model.latency_ms(truth.ops_of(one)), truth.latency_ms(one)) for one in networks]
    return max(abs(predicted / found - 1) for predicted, found in pairs)


def prices(table: LatencyTable) -> OperatorModel:
    """The prices without their errors, which take longer."""
    return table._prices("")


def test_multipliers_drawn_at_random_are_found(source) -> None:
    truth = device(source, 0)
    assert worst(source, truth) > 0.5
    assert worst(prices(few(truth, source)), truth) < 0.03


def test_whole_networks_alone_tell_much(source) -> None:
    truth = device(source, 2)
    bare = replace(truth, samples=tuple(replace(one, layers=()) for one in truth.samples))
    assert worst(source, bare) > 0.5
    assert worst(prices(few(bare, source)), bare) < 0.1


def test_a_device_like_the_source_keeps_its_prices(source) -> None:
    truth = device(source, None)
    assert worst(prices(few(truth, source)), truth) < 0.01


def test_without_observations_the_prices_are_those_of_the_source(source) -> None:
    assert transferred(source.kernels, []) == dict(source.kernels)


def test_many_observations_outweigh_the_source(source) -> None:
    """A price that no multiplier of the source explains is found all the same."""
    op = Op("add", (64, 80, 80), (64, 80, 80))
    seen = [Observation((op,), 1e3 * 50 * source.op_ms(op), 20.0)] * 50
    found = replace(source, kernels=transferred(source.kernels, seen))
    assert found.op_ms(op) == pytest.approx(50 * source.op_ms(op), rel=0.02)


def test_a_kernel_that_the_source_lacks_is_learnt_from_the_observations(source) -> None:
    op = Op("norm", (64, 40, 40), (64, 40, 40))
    assert all(kind.family != "norm" for kind in source.kernels)
    found = transferred(source.kernels, [Observation((op,), 500.0, 20.0)])
    assert replace(source, kernels=found).op_ms(op) == pytest.approx(0.5, rel=0.1)


def test_a_transferred_table_is_the_same_after_a_journey(source, tmp_path: Path) -> None:
    table = few(device(source, 0), source)
    table.save(tmp_path / "few.json")
    read = load_table(tmp_path / "few.json")
    assert read == table
    assert read.digest == table.digest
    assert "transferred from lab/mine.json by 4 measurements" in read.about
    assert "--from-table lab/mine.json --measure 4" in read.command()


def test_its_errors_are_those_of_networks_left_out_in_turn(source) -> None:
    table = few(device(source, 0), source)
    assert table.errors.names == tuple(one.name for one in table.samples)
    assert 0 < table.errors.mean < 0.1
    assert "on 4 networks left out in turn: mean error" in table.model().about


def test_the_file_of_a_table_that_stands_alone_names_no_source(source, tmp_path: Path) -> None:
    device(source, 0).save(tmp_path / "mine.json")
    assert "transfer" not in json.loads((tmp_path / "mine.json").read_text(encoding="utf-8"))


def test_prices_of_a_file_are_those_that_were_written(source) -> None:
    origin = Origin.of("mine", source)
    assert read_origin(json.loads(json.dumps(origin.to_json())), "few.json") == origin


def test_a_kernel_that_does_not_exist_is_refused(source) -> None:
    data = Origin.of("mine", source).to_json()
    data["kernels"]["no kernel at all"] = data["kernels"].pop("add")
    with pytest.raises(SpecError, match=r"few\.json: transfer: kernels\.'no kernel at all': is no"):
        read_origin(data, "few.json")
