"""Scores of logarithms against the formulas written out, and their one option."""

from __future__ import annotations

from math import exp, log

import pytest

from maenas.blocks import Backbone, SpecError
from maenas.blocks.backbone_file import load_backbone
from maenas.nas import load_score
from maenas.nas.scores.log_scores import MOST_TILT, LogEntropyScore, LogMacsScore


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return load_backbone("zoo:damo-yolo-s")


@pytest.mark.parametrize("t", [0.0, -0.7])
def test_log_entropy_is_the_sum_of_logarithms_of_entropy_and_width(
    backbone: Backbone, t: float
) -> None:
    levels, total = backbone.levels, 0.0
    for index, ops in enumerate(backbone.stage_ops()):
        main = [op for op in ops if op.kind == "conv" and op.path == "main"]
        entropy = sum(0.5 * log(op.in_shape[0] // op.groups * op.kernel_size**2) for op in main)
        total += exp(t * levels[index]) * log(entropy)
        if index + 1 == len(levels) or levels[index + 1] != levels[index]:
            total += exp(t * levels[index]) * log(ops[-1].out_shape[0])
    assert LogEntropyScore(t=t)(backbone) == pytest.approx(total, rel=1e-12)


def test_log_macs_is_the_sum_of_logarithms_of_layers_and_macs(backbone: Backbone) -> None:
    total = 0.0
    for ops in backbone.stage_ops():
        main = [op for op in ops if op.kind == "conv" and op.path == "main"]
        total += log(len(main)) + log(sum(op.macs for op in ops))
    assert LogMacsScore()(backbone) == pytest.approx(total, rel=1e-12)


def test_options_follow_the_name() -> None:
    assert load_score("log-macs:t=0.5") == LogMacsScore(t=0.5)
    assert LogMacsScore(t=0.5).text == "log-macs:t=0.5"
    assert LogMacsScore().text == "log-macs"
    assert load_score("log-entropy:t=-1", [1.0, 2.0]) == LogEntropyScore((1.0, 2.0), t=-1.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("log-macs:t=x", "options.t: input should be a valid number"),
        ("log-macs:s=1", "no such field"),
        ("log-macs:t=", "must have the form NAME:option=value"),
        ("macs:t=1", "no such field"),
        ("log-mac:t=1", "did you mean log-macs"),
        (f"log-macs:t={MOST_TILT + 1}", "must lie within"),
        ("log-macs:t=.nan", "must"),
        ("macs:weights=1", "weights"),
    ],
)
def test_a_wrong_option_is_named(text: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        load_score(text)


@pytest.mark.parametrize("score", [LogEntropyScore(), LogMacsScore()], ids=lambda each: each.name)
def test_a_stage_without_an_amount_is_named(score: LogEntropyScore, backbone: Backbone) -> None:
    with pytest.raises(SpecError, match="a stage of 'focus_stem' has an amount of 0"):
        score.amount(backbone.stages[0], [])
