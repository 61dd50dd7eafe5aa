"""The raw maps of all levels, concatenated for assignment and losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from maenas.detector.assign.assigner import Predictions, Priors
from maenas.detector.model.decode import STRIDES, anchor_points, by_side, expected_distances
from maenas.detector.model.raw_level import RawLevel


class FlatMaps(NamedTuple):
    """Logits of a batch in fp32, with levels in order and row-major.

    Attributes:
        scores: (B, N, C), class logits.
        distances: (B, N, 4, bins), distance logits of the left, top, right and bottom side.
        priors: N priors, the anchor points of all levels.
    """

    scores: Tensor
    distances: Tensor
    priors: Priors

    @torch.no_grad()
    def predictions(self) -> Predictions:
        """The inputs of an assigner, without gradients."""
        points, strides = self.priors
        return Predictions(self.scores, boxes_at(points, strides, self.distances))


def flat_maps(levels: Sequence[RawLevel], strides: Sequence[int] = STRIDES) -> FlatMaps:
    """The raw maps of all levels, finest first, concatenated."""
    sizes = [(level.scores.shape[-2], level.scores.shape[-1]) for level in levels]
    by_place = [level.scores.permute(0, 2, 3, 1).flatten(1, 2) for level in levels]
    scores = torch.cat(by_place, dim=1).float()
    distances = torch.cat([by_side(level) for level in levels], dim=1).float()
    points, steps = anchor_points(sizes, strides, scores)
    return FlatMaps(scores, distances, Priors(points, steps.squeeze(1)))


def boxes_at(points: Tensor, strides: Tensor, logits: Tensor) -> Tensor:
    """Decoded boxes: points (N, 2), strides (N,), logits (..., N, 4, bins) -> (..., N, 4)."""
    distances = expected_distances(logits) * strides[:, None]
    return torch.cat((points - distances[..., :2], points + distances[..., 2:]), dim=-1)
