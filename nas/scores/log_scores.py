"""Additive scores of logarithms: concave in depth and cost, so that no level takes everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, isfinite, log
from typing import ClassVar

from maenas.blocks import Block, Op, SpecError
from maenas.nas.scores.max_entropy import log_gain
from maenas.nas.scores.score import Score

MOST_TILT = 20.0  # exp(20 * 5 levels) is still a finite weight


@dataclass(frozen=True, slots=True)
class TiltedScore(Score):
    """A score whose level weights are tilted by one number: v_l = w_l exp(t l).

    Attributes:
        weights: weights w_l of the resolution levels, coarser last; None for 1 everywhere.
        t: tilt towards coarse levels; l counts the levels from 0.
    """

    linear_in_depth: ClassVar[bool] = False
    weights: tuple[float, ...] | None = None
    t: float = 0.0

    def __post_init__(self) -> None:
        if not (isfinite(self.t) and abs(self.t) <= MOST_TILT):
            raise SpecError(f"score {self.name}: t: must lie within +-{MOST_TILT:g}, got {self.t}.")

    def level_weights(self, levels: int) -> tuple[float, ...]:
        given = self.given_weights(levels)
        return tuple(weight * exp(self.t * level) for level, weight in enumerate(given))

    def log_sum(self, block: Block, amount: Callable[[Op], float], ops: Sequence[Op]) -> float:
        """Logarithm of a stage's amount.

        Raises:
            SpecError: if the stage has none of it, so that the logarithm does not exist.
        """
        total = sum(amount(op) for op in ops)
        if total <= 0:
            raise SpecError(
                f"score {self.name}: a stage of {block.kind!r} has an amount of {total:g}, whose "
                "logarithm does not exist; choose another score for this space."
            )
        return log(total)


@dataclass(frozen=True, slots=True)
class LogEntropyScore(TiltedScore):
    """Sum over levels of v_l (ln u_l + ln C_l): entropy and width of each level, in logarithms.

    u is the sum of `log_gain` over the convolutions of a stage and C_l the width of the last map
    of the level. Where several stages share a level, each adds ln u of its own, since the score
    must be a sum over stages.
    """

    name: ClassVar[str] = "log-entropy"

    def op(self, op: Op) -> float:
        return log_gain(op)

    def width(self, channels: int) -> float:
        return log(channels)

    def amount(self, block: Block, ops: Sequence[Op]) -> float:
        return self.log_sum(block, self.op, ops)


@dataclass(frozen=True, slots=True)
class LogMacsScore(TiltedScore):
    """Sum over levels of v_l (ln n_l + ln MACs_l): layers and MACs of each stage, in logarithms."""

    name: ClassVar[str] = "log-macs"

    def op(self, op: Op) -> float:
        return float(op.macs)

    def amount(self, block: Block, ops: Sequence[Op]) -> float:
        return self.log_sum(block, self.op, ops) + self.log_sum(block, _layer, ops)


def _layer(op: Op) -> float:
    """1 for a convolution of the main path, otherwise 0."""
    return float(op.kind == "conv" and op.path == "main")
