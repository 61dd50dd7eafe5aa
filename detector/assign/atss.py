"""ATSS: an object is matched to near anchors whose IoU reaches mean plus deviation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from maenas.detector.assign.assigner import (
    Assigner,
    Predictions,
    Priors,
    Targets,
    quality_of_boxes,
    resolve_claims,
    slices,
)
from maenas.detector.ops.boxes import centres, paired_iou

MIN_DEPTH = 0.01  # minimum depth of an anchor's centre inside the object, in pixels


@dataclass(frozen=True, slots=True)
class ATSS(Assigner):
    """Adaptive training sample selection; only the quality depends on the predictions.

    Quality is the IoU of the predicted box, as in GFL with ATSS.

    Attributes:
        topk: number of nearest anchors on each level that are candidates.
        anchor_scale: side of a prior's square anchor, in strides.

    Source: ATSS (https://arxiv.org/abs/1912.02424), algorithm 1.
    """

    name: ClassVar[str] = "atss"
    topk: int = 9
    anchor_scale: float = 8.0

    def match(
        self, predictions: Predictions, priors: Priors, targets: Targets
    ) -> tuple[Tensor, Tensor]:
        """See `Assigner.match`."""
        matched = self.match_anchors(priors, targets)
        return matched, quality_of_boxes(predictions, targets, matched)

    def match_anchors(self, priors: Priors, targets: Targets) -> Tensor:
        """The slot of the object matched to each anchor, (B, N); -1 for none."""
        nearest = self._nearest(priors, targets.boxes)  # (B, M, K)
        half = self.anchor_scale / 2 * priors.strides[:, None]
        anchors = torch.cat((priors.points - half, priors.points + half), dim=-1)
        boxes = targets.boxes.unsqueeze(2)  # (B, M, 1, 4)
        iou = paired_iou(anchors[nearest], boxes)  # (B, M, K)
        # With a single candidate, the deviation is set to 0; otherwise it would be NaN.
        deviation = iou.std(dim=-1, keepdim=True, correction=min(1, iou.shape[-1] - 1))
        threshold = iou.mean(dim=-1, keepdim=True) + deviation
        inside = depth_of(priors.points[nearest], boxes) > MIN_DEPTH
        claims = (iou >= threshold) & inside & targets.objects[..., None]
        return resolve_claims(nearest, claims, iou, len(priors.points))

    def _nearest(self, priors: Priors, boxes_xyxy: Tensor) -> Tensor:
        """Indices of the anchors on each level that are nearest to each box, (B, M, K)."""
        images, slots = boxes_xyxy.shape[:2]
        borders = (priors.strides.diff().nonzero().flatten() + 1).tolist()  # between levels
        middle = centres(boxes_xyxy)
        found = []
        for part in slices(images, len(priors.points), slots):
            distance = torch.cdist(
                middle[:, part], priors.points, compute_mode="donot_use_mm_for_euclid_dist"
            )  # (B, m, N)
            start, of_levels = 0, []
            for of_level in distance.tensor_split(borders, dim=-1):
                count = of_level.shape[-1]
                of_levels.append(of_level.topk(min(self.topk, count), largest=False)[1] + start)
                start += count
            found.append(torch.cat(of_levels, dim=-1))
        return torch.cat(found, dim=1)


def depth_of(points: Tensor, boxes_xyxy: Tensor) -> Tensor:
    """Depth of points (B, M, K, 2) inside the box (B, M, 1, 4) of their object: (B, M, K)."""
    sides = torch.cat((points - boxes_xyxy[..., :2], boxes_xyxy[..., 2:] - points), dim=-1)
    return sides.amin(dim=-1)
