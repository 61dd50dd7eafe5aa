"""TOOD: an object is matched to the priors with the best joint class score and IoU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from maenas.detector.assign.assigner import (
    Assigner,
    Predictions,
    Priors,
    Targets,
    resolve_claims,
    slices,
)
from maenas.detector.assign.dynamic_k import (
    MIN_IOU,
    NEVER,
    Ranked,
    logits_of,
    nearness,
    ordered,
)
from maenas.detector.ops.boxes import depth_inside, pairwise_iou

MIN_DEPTH = 0.01  # minimum depth of a prior inside its object, in pixels
NEAR = 1.0  # strides from the centre: the nearest priors of each level, for objects without any


@dataclass(frozen=True, slots=True)
class TOOD(Assigner):
    """Task-aligned assignment; quality is the alignment, scaled to the object's best IoU.

    If several objects claim a prior, it is matched to the object with the highest IoU. The paper
    uses ATSS in the first four epochs; this class does not.

    Attributes:
        topk: maximum number of priors of an object, m in the paper.
        alpha: exponent of the class score.
        beta: exponent of the IoU.

    Source: TOOD (https://arxiv.org/abs/2108.07755), section 3.2, equation 4.
    """

    name: ClassVar[str] = "tood"
    topk: int = 13
    alpha: float = 1.0
    beta: float = 6.0

    def match(
        self, predictions: Predictions, priors: Priors, targets: Targets
    ) -> tuple[Tensor, Tensor]:
        """See `Assigner.match`."""
        images, count = predictions.boxes.shape[:2]
        parts = (
            self._best(predictions, priors, targets, part)
            for part in slices(images, count, targets.labels.shape[1])
        )
        taken, alignment, iou, takes = (
            torch.cat(found, dim=1) for found in zip(*parts, strict=True)
        )
        matched = resolve_claims(taken, takes, iou, count)
        index = taken.flatten(1)
        slot = torch.arange(taken.shape[1], device=taken.device)[:, None]
        kept = takes & (matched.gather(1, index).view_as(taken) == slot)  # (B, M, topk)
        alignment, iou = alignment.where(kept, 0.0), iou.where(kept, 0.0)
        best = alignment.amax(dim=-1, keepdim=True)
        scaled = alignment / best.where(best > 0, 1.0) * iou.amax(dim=-1, keepdim=True)
        quality = iou.new_zeros((images, count))
        return matched, quality.scatter_reduce(1, index, scaled.flatten(1), "amax")

    def ranked(
        self, predictions: Predictions, priors: Priors, targets: Targets
    ) -> Iterator[Ranked]:
        """The priors by their alignment: inside the object first, then near its centre."""
        images, count = predictions.boxes.shape[:2]
        for part in slices(images, count, targets.labels.shape[1]):
            boxes = targets.boxes[:, part]
            iou = pairwise_iou(boxes, predictions.boxes)
            score = logsigmoid(logits_of(predictions, targets.labels[:, part]))
            cost = -self.alpha * score - self.beta * (iou + MIN_IOU).log()
            inside = depth_inside(priors.points, boxes) > MIN_DEPTH
            near = inside | nearness(priors, boxes, NEAR).either
            key = ordered(cost, inside).where(near & targets.objects[:, part, None], NEVER)
            yield Ranked(part, key, iou)

    def _best(
        self, predictions: Predictions, priors: Priors, targets: Targets, part: slice
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The best aligned priors of each object, their alignment and IoU, and which it claims."""
        boxes = targets.boxes[:, part]
        iou = pairwise_iou(boxes, predictions.boxes)
        score = logits_of(predictions, targets.labels[:, part]).sigmoid()
        alignment, best = (score.pow(self.alpha) * iou.pow(self.beta)).topk(
            min(self.topk, iou.shape[-1])
        )
        inside = (depth_inside(priors.points, boxes) > MIN_DEPTH).gather(-1, best)
        takes = inside & (alignment > 0) & targets.objects[:, part, None]
        return best, alignment, iou.gather(-1, best), takes
