"""Every additive score under the published contract."""

from __future__ import annotations

import pytest

from maenas.nas import SCORES, MaxEntropy
from maenas.nas.scores.classics import (
    ActivationsScore,
    LayersScore,
    LogWidthScore,
    MacsScore,
    ParamsScore,
)
from maenas.nas.scores.log_scores import LogEntropyScore, LogMacsScore
from maenas.testing import ScoreContract

SOME = (
    MaxEntropy((1.0, 1.0, 4.0)),
    MaxEntropy((0.0, 0.0, 1.0)),
    MacsScore(),
    MacsScore((1.0, 0.5, -0.25)),
    ParamsScore(),
    LayersScore((1.0, 2.0, 3.0)),
    LogWidthScore(),
    LogWidthScore((-1.0, -2.0, -1.0)),  # a score below zero
    LogEntropyScore(),
    LogEntropyScore((1.0, -0.5, 2.0), t=-1.0),
    LogMacsScore(t=0.5),
    ActivationsScore(),
)


class TestScores(ScoreContract):
    scores = SOME


def test_every_score_of_the_command_line_is_under_contract() -> None:
    assert set(SCORES) <= {score.name for score in SOME}


@pytest.mark.parametrize("weights", [(-1.0, 1.0, 1.0), (0.0, 0.0, 0.0)], ids=str)
def test_maximum_entropy_takes_no_negative_weights(weights: tuple[float, ...]) -> None:
    with pytest.raises(Exception, match="none negative and not all zero"):
        MaxEntropy(weights).level_weights(3)
