"""Features of a backbone that its score should be read beside, since the score is no accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from maenas.backbone_search.results.data import BesideData
from maenas.blocks import Backbone
from maenas.nas import Score


@dataclass(frozen=True, slots=True)
class Beside:
    """The features of a backbone that its score should be read beside.

    Attributes:
        params: number of learned values of the backbone.
        activations: elements of all output maps of its convolutions.
        levels: number of resolution levels.
        score_share: share of the score that the coarsest level gives.
        macs_share: share of the backbone's MACs in the coarsest level.
    """

    params: int
    activations: int
    levels: int
    score_share: float
    macs_share: float

    def to_json(self) -> BesideData:
        """The features as plain data."""
        return {
            "params": self.params,
            "activations": self.activations,
            "levels": self.levels,
            "score_share": self.score_share,
            "macs_share": self.macs_share,
        }


def beside(backbone: Backbone, score: Score) -> Beside:
    """Features of a backbone and the part of its coarsest level in a score."""
    stages = list(backbone.stage_ops())
    levels = backbone.levels
    last = [ops for ops, level in zip(stages, levels, strict=True) if level == levels[-1]]
    scores = score.level_scores(backbone)
    total = score(backbone)
    macs = sum(op.macs for op in backbone.ops())
    return Beside(
        params=sum(op.params for op in backbone.ops()),
        activations=sum(prod(op.out_shape) for op in backbone.ops() if op.kind == "conv"),
        levels=len(scores),
        score_share=score.level_weights(len(scores))[-1] * scores[-1] / total if total else 0.0,
        macs_share=sum(op.macs for ops in last for op in ops) / macs,
    )
