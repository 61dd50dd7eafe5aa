"""Dynamic k: each object takes its cheapest priors, as many as the boxes there already fit it.

The matching of SimOTA, which AlignOTA shares. Two things the usual code leaves to chance are exact:

- Priors both in an object's box and near its centre come before all others. Commonly 1e8 is added
  to the cost of the others; in 32 bits a cost then counts only in steps of 8, so that an object
  smaller than the grid took almost any prior. Here the order is by rank first, then by cost.
- An object with no prior in its box or near its centre lies outside the image and takes none.

Source: OTA (https://arxiv.org/abs/2103.14259) and YOLOX (https://arxiv.org/abs/2107.08430),
section 2.1; the order of steps is that of DAMO-YOLO (https://github.com/tinyvision/DAMO-YOLO,
Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from maenas.detector.assign.assigner import Predictions, Priors, Targets, slices
from maenas.detector.ops.boxes import centres, depth_inside, pairwise_iou

NEVER = torch.iinfo(torch.int32).max  # the key of a pair that must not be matched
MIN_IOU = 1e-7  # under the logarithm

# Logits of the objects' classes (B, M, N) and IoU (B, M, N) -> class cost (B, M, N).
ClassCost = Callable[[Tensor, Tensor], Tensor]


class Near(NamedTuple):
    """Where priors lie to objects, (B, M, N) bool each.

    Attributes:
        either: in the object's box or near its centre.
        both: in its box and near its centre.
    """

    either: Tensor
    both: Tensor


def dynamic_k_match(
    predictions: Predictions,
    priors: Priors,
    targets: Targets,
    class_cost: ClassCost,
    *,
    center_radius: float,
    topk: int,
    iou_weight: float,
) -> Tensor:
    """The place of each prior's object.

    Args:
        predictions: of the batch.
        priors: N of them.
        targets: M places.
        class_cost: adds up, for a prior and an object, over all classes.
        center_radius: half side, in strides, of the square around a centre that counts as near it.
        topk: predicted boxes that an object's k is the summed IoU of; the most it can take.
        iou_weight: of the box cost, -log IoU.
    Returns:
        (B, N) int64, -1 for none.
    """
    images, count = predictions.boxes.shape[:2]
    places = targets.labels.shape[1]
    topk = min(topk, count)
    candidates = near_any(priors, targets, center_radius)
    zeros = targets.labels.new_zeros((images, count))
    takers, taker = zeros, zeros - 1  # how many took the prior, and the last of them
    least, cheapest = zeros.int() + NEVER, zeros - 1  # over all objects, whether they took it
    for part in slices(images, count, places):
        iou = pairwise_iou(targets.boxes[:, part], predictions.boxes)
        logits = logits_of(predictions, targets.labels[:, part])
        cost = class_cost(logits, iou) - iou_weight * (iou + MIN_IOU).log()
        near = nearness(priors, targets.boxes[:, part], center_radius)
        present = targets.objects[:, part] & near.either.any(dim=-1)  # (B, m)
        key = ordered(cost, near.both).where(candidates[:, None] & present[..., None], NEVER)
        fitting = iou.where(candidates[:, None], 0.0).topk(topk).values.sum(dim=-1)
        wanted = fitting.floor().clamp(min=1)  # k, (B, m)
        keys, taken = key.topk(topk, largest=False)  # cheapest first
        order = torch.arange(topk, device=key.device)
        takes = (order < wanted[..., None]) & (keys < NEVER)  # (B, m, topk)
        place = torch.arange(part.start, part.stop, device=key.device)[:, None]
        index = taken.flatten(1)
        takers = takers.scatter_add(1, index, takes.flatten(1).long())
        taker = taker.scatter_reduce(1, index, place.where(takes, -1).flatten(1), "amax")
        its_least, its_place = key.min(dim=1)
        cheapest = torch.where(its_least < least, its_place + part.start, cheapest)
        least = torch.minimum(least, its_least)
    return taker.where(takers <= 1, cheapest)


def nearness(priors: Priors, boxes_xyxy: Tensor, center_radius: float) -> Near:
    """Which priors are in the boxes and near their centres, strictly."""
    in_box = depth_inside(priors.points, boxes_xyxy) > 0
    x, y = centres(boxes_xyxy).unsqueeze(-1).unbind(-2)  # (B, M, 1) each
    off_x, off_y = priors.points[:, 0] - x, priors.points[:, 1] - y
    near_centre = torch.maximum(off_x.abs(), off_y.abs()) < center_radius * priors.strides
    return Near(in_box | near_centre, in_box & near_centre)


def near_any(priors: Priors, targets: Targets, center_radius: float) -> Tensor:
    """The candidates: priors in the box or near the centre of any object, (B, N) bool."""
    images, places = targets.labels.shape
    found = targets.valid.new_zeros((images, len(priors.points)))
    for part in slices(images, len(priors.points), places):
        near = nearness(priors, targets.boxes[:, part], center_radius).either
        found |= (near & targets.objects[:, part, None]).any(dim=1)
    return found


def logits_of(predictions: Predictions, labels: Tensor) -> Tensor:
    """Logits of the labels' classes: labels (B, M) -> (B, M, N)."""
    count = predictions.logits.shape[1]
    return predictions.logits.mT.gather(1, labels[..., None].expand(-1, -1, count))


def ordered(cost: Tensor, first: Tensor) -> Tensor:
    """Integers in the order of the costs, those where `first` is True before all others.

    The bits of floats that are not negative order as the floats do; with the sign bit set they
    come before all others.
    """
    bits = cost.clamp(min=0).add(0.0).view(torch.int32)  # + 0.0: -0.0 would have a sign bit
    return torch.where(first, bits + torch.iinfo(torch.int32).min, bits)
