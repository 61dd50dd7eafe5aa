"""Dynamic k: each object takes its k cheapest priors, with k from the IoU of predicted boxes.

This is the matching of SimOTA and AlignOTA. It is exact in two cases that common code is not:

- Priors both in an object's box and near its centre come before all others. Common code adds 1e8
  to the cost of the others. In fp32, such costs have steps of 8, so that an object smaller than
  the grid takes almost arbitrary priors. Here priors are sorted by rank first, then by cost.
- An object with no prior in its box or near its centre lies outside the image and takes none.

Source: OTA (https://arxiv.org/abs/2103.14259) and YOLOX (https://arxiv.org/abs/2107.08430),
section 2.1; the order of steps is that of DAMO-YOLO (https://github.com/tinyvision/DAMO-YOLO,
Apache-2.0).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from maenas.detector.assign.assigner import (
    Assigner,
    Predictions,
    Priors,
    Targets,
    quality_of_boxes,
    slices,
)
from maenas.detector.assign.over_classes import sum_over_classes
from maenas.detector.ops.boxes import centres, depth_inside, pairwise_iou

NEVER = torch.iinfo(torch.int32).max  # key of a pair that must not be matched
MIN_IOU = 1e-7  # added to the IoU before the logarithm


class ClassCost(NamedTuple):
    """The class cost of a prior and an object, a sum over all classes.

    Attributes:
        absent: function for the cost of a class that the prior should not predict, from its logits;
            its result is a new tensor.
        whole: function for the class cost (B, M, N), from the sum of `absent` over all classes
            (B, 1 or M, N), the logits of the objects' classes (B, M, N) and IoU (B, M, N).
    """

    absent: Callable[[Tensor], Tensor]
    whole: Callable[[Tensor, Tensor, Tensor], Tensor]


class Near(NamedTuple):
    """The position of priors relative to objects, (B, M, N) bool each.

    Attributes:
        either: whether the prior is in the object's box or near its centre.
        both: whether the prior is in the object's box and near its centre.
    """

    either: Tensor
    both: Tensor


class Ranked(NamedTuple):
    """The priors ranked for some objects.

    Attributes:
        part: slots of the objects.
        key: (B, m, N) int32, lowest for the prior that the object takes first; `NEVER` for a pair
            that must not be matched.
        iou: (B, m, N), IoU of the predicted boxes with the objects, 0 for priors far from all.
    """

    part: slice
    key: Tensor
    iou: Tensor


class DynamicK(Assigner):
    """Base class of assigners that match by dynamic k; quality is the IoU of the predicted box.

    Attributes:
        topk: maximum number of priors of an object.
    """

    topk: int

    def match(
        self, predictions: Predictions, priors: Priors, targets: Targets
    ) -> tuple[Tensor, Tensor]:
        """See `Assigner.match`."""
        ranked = self.ranked(predictions, priors, targets)
        matched = dynamic_k_match(ranked, predictions, self.topk)
        return matched, quality_of_boxes(predictions, targets, matched)

    @abstractmethod
    def ranked(
        self, predictions: Predictions, priors: Priors, targets: Targets
    ) -> Iterator[Ranked]:
        """The priors by the cost that decides which of them an object takes."""


def ranked_by_cost(
    predictions: Predictions,
    priors: Priors,
    targets: Targets,
    class_cost: ClassCost,
    *,
    center_radius: float,
    iou_weight: float,
) -> Iterator[Ranked]:
    """The priors of each object by their cost.

    Args:
        predictions: predictions for the batch.
        priors: N priors.
        targets: targets with M slots; classes that are not annotated in an image cost nothing
            there, except the class of the object.
        class_cost: functions for the class cost.
        center_radius: half the side of the square around a centre that counts as near, in strides.
        iou_weight: weight of the box cost, -log IoU.
    """
    images, count = predictions.boxes.shape[:2]
    candidates = near_any(priors, targets, center_radius)
    absent = sum_over_classes(class_cost.absent, predictions.logits, candidates, targets.annotated)
    for part in slices(images, count, targets.labels.shape[1]):
        iou = pairwise_iou(targets.boxes[:, part], predictions.boxes)
        logits = logits_of(predictions, targets.labels[:, part])
        its_absent = absent[:, None]  # (B, 1, N)
        if targets.annotated is not None:  # the sum lacks classes that are not annotated
            known = targets.annotated.gather(1, targets.labels[:, part])[..., None]
            its_absent = torch.where(known, its_absent, its_absent + class_cost.absent(logits))
        cost = class_cost.whole(its_absent, logits, iou) - iou_weight * (iou + MIN_IOU).log()
        near = nearness(priors, targets.boxes[:, part], center_radius)
        present = targets.objects[:, part] & near.either.any(dim=-1)  # (B, m)
        key = ordered(cost, near.both).where(candidates[:, None] & present[..., None], NEVER)
        yield Ranked(part, key, iou.where(candidates[:, None], 0.0))


def dynamic_k_match(ranked: Iterable[Ranked], predictions: Predictions, topk: int) -> Tensor:
    """The slot of the object that each prior is matched to.

    Args:
        ranked: priors by their cost, for all objects.
        predictions: predictions for the batch.
        topk: number of predicted boxes whose IoUs are summed to k, and thus the maximum of k.
    Returns:
        (B, N) int64, slot of the object, -1 for none.
    """
    images, count = predictions.boxes.shape[:2]
    topk = min(topk, count)
    zeros = torch.zeros((images, count), dtype=torch.int64, device=predictions.boxes.device)
    takers, taker = zeros, zeros - 1  # number of objects that took the prior, and the last one
    least, cheapest = zeros.int() + NEVER, zeros - 1  # lowest key of the prior, and its object
    for part, key, iou in ranked:
        fitting = iou.topk(topk).values.sum(dim=-1)
        wanted = fitting.floor().clamp(min=1)  # k, (B, m)
        keys, taken = key.topk(topk, largest=False)  # cheapest first
        order = torch.arange(topk, device=key.device)
        takes = (order < wanted[..., None]) & (keys < NEVER)  # (B, m, topk)
        slot = torch.arange(part.start, part.stop, device=key.device)[:, None]
        index = taken.flatten(1)
        takers = takers.scatter_add(1, index, takes.flatten(1).long())
        taker = taker.scatter_reduce(1, index, slot.where(takes, -1).flatten(1), "amax")
        its_least, its_place = key.min(dim=1)
        cheapest = torch.where(its_least < least, its_place + part.start, cheapest)
        least = torch.minimum(least, its_least)
    return taker.where(takers <= 1, cheapest)


def nearness(priors: Priors, boxes_xyxy: Tensor, center_radius: float) -> Near:
    """Whether priors are strictly in the boxes and near their centres."""
    in_box = depth_inside(priors.points, boxes_xyxy) > 0
    x, y = centres(boxes_xyxy).unsqueeze(-1).unbind(-2)  # (B, M, 1) each
    off_x, off_y = priors.points[:, 0] - x, priors.points[:, 1] - y
    near_centre = torch.maximum(off_x.abs(), off_y.abs()) < center_radius * priors.strides
    return Near(in_box | near_centre, in_box & near_centre)


def near_any(priors: Priors, targets: Targets, center_radius: float) -> Tensor:
    """Whether a prior is in the box or near the centre of any object, (B, N) bool."""
    images, slots = targets.labels.shape
    found = targets.valid.new_zeros((images, len(priors.points)))
    for part in slices(images, len(priors.points), slots):
        near = nearness(priors, targets.boxes[:, part], center_radius).either
        found |= (near & targets.objects[:, part, None]).any(dim=1)
    return found


def logits_of(predictions: Predictions, labels: Tensor) -> Tensor:
    """Logits of all priors for the class of each object: labels (B, M) -> (B, M, N)."""
    count = predictions.logits.shape[1]
    return predictions.logits.mT.gather(1, labels[..., None].expand(-1, -1, count))


def ordered(cost: Tensor, first: Tensor) -> Tensor:
    """Integers that sort like the costs, with the pairs where `first` is True before all others.

    Non-negative floats sort like their bits read as integers. Setting the sign bit moves a pair
    before all others.
    """
    bits = cost.clamp(min=0).add(0.0).view(torch.int32)  # + 0.0: -0.0 would have a sign bit
    return torch.where(first, bits + torch.iinfo(torch.int32).min, bits)
