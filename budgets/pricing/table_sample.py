"""Samples of a latency table: networks that were measured, and the times of their operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from maenas.blocks.errors import SpecError
from maenas.blocks.files.strict import parse
from maenas.budgets.pricing.disturbance import Role


@dataclass(frozen=True, slots=True)
class LayerSample:
    """Operators that a runtime fused, and their mean microseconds, disturbed runs included."""

    name: str
    ops: tuple[int, ...]
    us: float


@dataclass(frozen=True, slots=True)
class TableSample:
    """Measurements of one graph.

    Attributes:
        name: name of the graph, such as "csp/m/4".
        role: "fit" for a network that prices are fitted to, "held-out" for one that only measures
            their error, "module" for a small network of the modules of other detectors,
            "operator" for a single operator.
        ops: indices of the operators in the table's list.
        ms: milliseconds of each inference.
        reference_ms: milliseconds of the reference graph just before each inference.
        layers: times of the layers; empty if the runtime does not report them.
        warnings: signs of a disturbance, such as "noisy" or a throttling device.
        seconds: time that the measurement took, preparation included.
    """

    name: str
    role: Role
    ops: tuple[int, ...]
    ms: tuple[float, ...]
    reference_ms: tuple[float, ...]
    layers: tuple[LayerSample, ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if not self.ms or len(self.ms) != len(self.reference_ms):
            raise SpecError("ms: there must be some, and as many of the reference graph.")
        if not all(0 < ms < inf for ms in (*self.ms, *self.reference_ms)):
            raise SpecError("ms: times must be positive numbers.")
        if not all(0 <= layer.us < inf for layer in self.layers):
            raise SpecError("layers: times must not be negative.")


def table_sample(data: Mapping[str, Any], where: str) -> TableSample:
    """Return a sample read from plain data."""
    layers = tuple(parse(LayerSample, layer, f"{where}: layers") for layer in data["layers"])
    return parse(TableSample, {**data, "layers": layers}, f"{where}: {data.get('name')}")
