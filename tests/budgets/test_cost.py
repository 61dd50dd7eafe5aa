"""What a list of operators costs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from maenas.blocks import Op, load_backbone
from maenas.blocks.op import concat, conv, max_pool
from maenas.budgets import Cost, LatencyModel, cost, load_device
from maenas.budgets.cost import CostTable


@pytest.fixture(scope="module")
def t4() -> LatencyModel:
    return load_device("t4")


def test_a_cost_is_a_sum_but_for_memory_derived_by_hand(t4: LatencyModel) -> None:
    first = conv((3, 8, 8), 4, 3, stride=2)  # -> (4, 4, 4)
    second = conv((4, 4, 4), 6, adds=True)  # -> (6, 4, 4), reading a residual of its size
    found = cost([first, second], t4)
    assert found == Cost(
        latency_ms=t4.op_ms(first) + t4.op_ms(second),
        macs=3 * 9 * (4 * 4 * 4) + 4 * (6 * 4 * 4),
        params=4 * (3 * 9 + 2) + 6 * (4 + 2),  # weights, and the two of a BatchNorm a channel
        memory_bytes=2 * (3 * 8 * 8 + 4 * 4 * 4),  # 256 elements, against 64 + 96 + 96
    )


def test_a_residual_counts_in_the_memory_of_its_operator() -> None:
    plain, adding = (conv((4, 4, 4), 6, adds=adds) for adds in (False, True))
    assert cost([plain], None).memory_bytes == 2 * (64 + 96)
    assert cost([adding], None).memory_bytes == 2 * (64 + 96 + 96)


def test_what_is_no_convolution_has_no_macs_and_no_params(t4: LatencyModel) -> None:
    ops = [max_pool((8, 5, 5), 5), concat((8, 5, 5), (4, 5, 5)), Op("add", (8, 5, 5), (8, 5, 5))]
    found = cost(ops, t4)
    assert (found.macs, found.params) == (0, 0)
    assert found.latency_ms > 0
    assert found.memory_bytes == 2 * 3 * 200  # the add reads two maps and writes one


def test_without_a_device_there_is_no_latency(t4: LatencyModel) -> None:
    ops = load_backbone("zoo:damo-yolo-t").ops()
    assert cost(ops, None) == replace(cost(ops, t4), latency_ms=0.0)


def test_nothing_costs_nothing(t4: LatencyModel) -> None:
    assert cost([], t4) == Cost(0, 0, 0, 0)


def test_parts_add_up_to_the_whole(t4: LatencyModel) -> None:
    ops = load_backbone("zoo:damo-yolo-s").ops()
    whole, parts = cost(ops, t4), [cost(ops[:20], t4), cost(iter(ops[20:]), t4)]
    assert whole.latency_ms == pytest.approx(sum(part.latency_ms for part in parts))
    assert whole.macs == sum(part.macs for part in parts)
    assert whole.params == sum(part.params for part in parts)
    assert whole.memory_bytes == max(part.memory_bytes for part in parts)


def test_a_table_prices_each_operator_once_and_gives_the_same_costs(t4: LatencyModel) -> None:
    asked: Counter[Op] = Counter()

    class Counting(LatencyModel):
        def op_ms(self, op: Op) -> float:
            asked[op] += 1
            return t4.op_ms(op)

    table = CostTable(Counting())
    for name in ("t", "s"):
        ops = load_backbone(f"zoo:damo-yolo-{name}").ops()
        assert table(ops) == cost(ops, t4)
        assert table(ops) == cost(ops, t4)
    assert set(asked.values()) == {1}
