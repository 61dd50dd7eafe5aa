"""Simple additive scores: MACs, parameters, activations, layers and logarithms of widths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, prod
from typing import ClassVar

from maenas.blocks import Block, Op
from maenas.nas.scores.score import Score


@dataclass(frozen=True, slots=True)
class MacsScore(Score):
    """Multiply-accumulates of the backbone in billions."""

    name: ClassVar[str] = "macs"
    unit: ClassVar[str] = "GMACs"
    weights: tuple[float, ...] | None = None

    def op(self, op: Op) -> float:
        return op.macs / 1e9


@dataclass(frozen=True, slots=True)
class ParamsScore(Score):
    """Parameters of the backbone in millions."""

    name: ClassVar[str] = "params"
    unit: ClassVar[str] = "M params"
    weights: tuple[float, ...] | None = None

    def op(self, op: Op) -> float:
        return op.params / 1e6


@dataclass(frozen=True, slots=True)
class ActivationsScore(Score):
    """Elements of all output maps of convolutions for one image, in millions.

    Source: Radosavovic et al., "Designing network design spaces", section 3.1 (activations),
    https://arxiv.org/abs/2003.13678.
    """

    name: ClassVar[str] = "activations"
    unit: ClassVar[str] = "M"
    weights: tuple[float, ...] | None = None

    def op(self, op: Op) -> float:
        return prod(op.out_shape) / 1e6 if op.kind == "conv" else 0.0


@dataclass(frozen=True, slots=True)
class LayersScore(Score):
    """Depth of the backbone as its family publishes it."""

    name: ClassVar[str] = "layers"
    unit: ClassVar[str] = "layers"
    weights: tuple[float, ...] | None = None

    def op(self, op: Op) -> float:
        return float(op.kind == "conv" and op.path == "main")

    def amount(self, block: Block, ops: Sequence[Op]) -> float:
        return block.layers


@dataclass(frozen=True, slots=True)
class LogWidthScore(Score):
    """Sum of the logarithms of the levels' widths."""

    name: ClassVar[str] = "ln-width"
    unit: ClassVar[str] = "nats"
    weights: tuple[float, ...] | None = None

    def op(self, op: Op) -> float:
        return 0.0

    def width(self, channels: int) -> float:
        return log(channels)
