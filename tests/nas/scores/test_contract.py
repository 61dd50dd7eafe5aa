"""Every additive score under the published contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import ClassVar

import pytest

from maenas.blocks import Block, Op
from maenas.nas import SCORES, MaxEntropy
from maenas.nas.scores.classics import LayersScore, LogWidthScore, MacsScore, ParamsScore
from maenas.nas.scores.max_entropy import log_gain
from maenas.nas.scores.score import Score
from maenas.testing import ScoreContract


@dataclass(frozen=True, slots=True)
class LogAmount(Score):
    """A score that is not linear in depth: the logarithm of each stage's gains and width."""

    name: ClassVar[str] = "log-amount"
    linear_in_depth: ClassVar[bool] = False
    weights: tuple[float, ...] | None = None

    def op(self, op: Op) -> float:
        return log_gain(op)

    def amount(self, block: Block, ops: Sequence[Op]) -> float:
        return log(sum(map(self.op, ops))) + log(ops[-1].out_shape[0])


SOME = (
    MaxEntropy((1.0, 1.0, 4.0)),
    MaxEntropy((0.0, 0.0, 1.0)),
    MacsScore(),
    MacsScore((1.0, 0.5, -0.25)),
    ParamsScore(),
    LayersScore((1.0, 2.0, 3.0)),
    LogWidthScore(),
    LogWidthScore((-1.0, -2.0, -1.0)),  # a score below zero
    LogAmount((1.0, -0.5, 2.0)),
)


class TestScores(ScoreContract):
    scores = SOME


def test_every_score_of_the_command_line_is_under_contract() -> None:
    assert set(SCORES) <= {score.name for score in SOME}


@pytest.mark.parametrize("weights", [(-1.0, 1.0, 1.0), (0.0, 0.0, 0.0)], ids=str)
def test_maximum_entropy_takes_no_negative_weights(weights: tuple[float, ...]) -> None:
    with pytest.raises(Exception, match="none negative and not all zero"):
        MaxEntropy(weights).level_weights(3)
