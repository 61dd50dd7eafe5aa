"""Layers of an ONNX graph: the operators that a runtime runs as one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from maenas.blocks.op import Op


@dataclass(frozen=True, slots=True)
class Layer:
    """Operators that a runtime runs as one.

    Attributes:
        name: name of the first node.
        ops: one operator, or all levels for the decoding of maenas's own exports.
        nodes: names of the ONNX nodes in the layer.
        source: index of the layer that makes its first input; None for an input of the graph.
    """

    name: str
    ops: tuple[Op, ...]
    nodes: tuple[str, ...]
    source: int | None = None


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers of a whole graph.

    Attributes:
        layers: layers in order of execution.
        unknown: count of operators without an `Op`, by type.
        stand_ins: a copy of the same size for each unknown operator of known shape, under the
            type of that operator. Hardly any operator is faster than a copy.
    """

    layers: tuple[Layer, ...]
    unknown: Counter[str]
    stand_ins: tuple[Layer, ...] = ()

    @property
    def ops(self) -> tuple[Op, ...]:
        """All operators in order of execution."""
        return tuple(op for layer in self.layers for op in layer.ops)
