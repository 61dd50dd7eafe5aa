"""A latency table of a CPU nobody has: it takes a known time for every published detector."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from maenas.blocks import Op
from maenas.budgets.pricing.disturbance import Role
from maenas.budgets.pricing.op_rows import priced
from maenas.budgets.pricing.table import LatencyTable
from maenas.budgets.pricing.table_sample import LayerSample, TableSample
from maenas.budgets.profiling.operator_grid import operator_grid
from maenas.detector import template_names
from maenas.latency.networks import published_detector
from tests.slow_machine import true_us

RUNS = 4
FIELDS: dict[str, Any] = {
    "device": "cpu",
    "hardware": "cpu",
    "backend": "openvino",
    "precision": "f32",
    "threads": 1,
    "batch": 1,
    "created": "2026-11-22T10:00:00+00:00",
    "maenas": "0.1.0",
    "provenance": {"runtime": "arithmetic 1.0", "device": "a CPU nobody has"},
}


def cpu_table(name: str = "mine", **fields: Any) -> LatencyTable:
    """Of all published detectors and the operators of a profile."""
    ops, samples = _measured()
    return LatencyTable(name=name, **{**FIELDS, **fields}, ops=ops, samples=samples)


def disturbed(table: LatencyTable, count: int) -> LatencyTable:
    """The same table with the first samples of networks marked as disturbed."""
    networks = [sample for sample in table.samples if sample.role != "operator"][:count]
    return replace(
        table,
        samples=tuple(
            replace(sample, warnings=("noisy",)) if sample in networks else sample
            for sample in table.samples
        ),
    )


@cache
def _measured() -> tuple[tuple[Op, ...], tuple[TableSample, ...]]:
    positions: dict[Op, int] = {}
    graphs: list[tuple[str, Role, tuple[Op, ...]]] = [
        *((f"zoo:{scale}", "fit", published_detector(scale).ops()) for scale in template_names()),
        *((f"operator/{index}", "operator", (op,)) for index, op in enumerate(operator_grid(2))),
        *(
            (f"held-out/zoo:{scale}", "held-out", published_detector(scale).ops())
            for scale in template_names()
        ),
    ]
    samples = []
    for name, role, ops in graphs:
        listed = tuple(positions.setdefault(priced(op), len(positions)) for op in ops)
        times = [true_us(op) for op in ops]
        layers = tuple(
            LayerSample(f"{index}", (position,), us)
            for index, (position, us) in enumerate(zip(listed, times, strict=True))
        )
        ms = (sum(times) / 1e3,) * RUNS
        samples.append(TableSample(name, role, listed, ms, (3.0,) * RUNS, layers))
    return tuple(positions), tuple(samples)
