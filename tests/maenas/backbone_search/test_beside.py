"""Features of a backbone beside its score."""

from __future__ import annotations

from math import log, prod

import pytest

from maenas.backbone_search.results.beside import beside
from maenas.blocks import load_backbone
from maenas.nas import MaxEntropy, load_score


def test_the_share_of_the_coarsest_level_is_its_weighted_part_of_the_score() -> None:
    backbone = load_backbone("zoo:damo-yolo-s")
    score = MaxEntropy()
    found = beside(backbone, score)
    assert found.levels == 5
    assert found.score_share == pytest.approx(
        6 * score.level_scores(backbone)[-1] / score(backbone)
    )
    assert found.activations == sum(
        prod(op.out_shape) for op in backbone.ops() if op.kind == "conv"
    )
    assert 0 < found.macs_share < 1


def test_a_score_of_widths_gives_each_level_its_logarithm() -> None:
    backbone = load_backbone("zoo:damo-yolo-s")
    widths = [shape[0] for shape in backbone.feature_shapes()]
    score = load_score("ln-width")
    assert beside(backbone, score).score_share == pytest.approx(log(widths[-1]) / score(backbone))
