"""The training loss: a class loss over all priors and box losses over the matched ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from maenas.detector.assign.assigner import Assigner, Assignment, Targets
from maenas.detector.assign.one_to_one import OneToOne
from maenas.detector.losses.class_loss import ClassLabels, class_loss
from maenas.detector.losses.distribution_focal import distribution_focal_loss
from maenas.detector.losses.flat_maps import FlatMaps, boxes_at, flat_maps
from maenas.detector.losses.giou import giou_loss
from maenas.detector.model.decode import STRIDES
from maenas.detector.model.raw_level import RawLevel

# Computes the mean of a small tensor over the processes of a run.
Reduce = Callable[[Tensor], Tensor]
ONE_TO_ONE = "one_to_one"  # part of the loss of a one-to-one branch


@dataclass(frozen=True, slots=True)
class LossWeights:
    """The weights of the parts of the loss, and what an object says of other classes.

    Attributes:
        quality_focal: weight of the class loss; 0 or more.
        distribution_focal: weight of the loss of the distances.
        giou: weight of the loss of the boxes.
        exclusive: for unions of data sets: whether an object has one class only, so that it is a
            negative of all others, also of those that its data set does not annotate. False where
            a class contains another, as vehicles contain cars.
        one_to_one: weight of the loss of a one-to-one branch, in detectors with such a head.

    Source: DAMO-YOLO (https://arxiv.org/abs/2211.15444), section 2.4: alpha, beta and gamma.
    """

    quality_focal: float = 1.0
    distribution_focal: float = 0.25
    giou: float = 2.0
    exclusive: bool = False
    one_to_one: float = 1.0


def detection_loss(
    levels: Sequence[RawLevel],
    targets: Targets,
    assigner: Assigner,
    *,
    one_to_one: Sequence[RawLevel] | None = None,
    strides: Sequence[int] = STRIDES,
    weights: LossWeights = LossWeights(),
    reduce: Reduce = lambda normalisers: normalisers,
) -> dict[str, Tensor]:
    """The weighted parts of the loss, whose sum is minimised.

    The loss is computed in fp32, also under autocast. A batch without objects has box losses of 0
    with gradients for every parameter, because DDP expects the same gradients in all processes.

    Args:
        levels: raw maps, finest first.
        targets: ground truth of the batch.
        assigner: label assigner, which matches priors to objects.
        one_to_one: raw maps of the one-to-one branch, which learns one prior for each object; None
            without one.
        strides: pixels between anchor points of each level.
        weights: weights of the parts.
        reduce: function for the mean over all processes; called once for each branch, with the
            normalisers, (2,).
    Returns:
        "quality_focal", "giou" and "distribution_focal", 0-D float32 each, and with a one-to-one
        branch "one_to_one", the weighted sum of its three.
    """
    with torch.autocast(levels[0].scores.device.type, enabled=False):
        maps = flat_maps(levels, strides)
        assignment = assigner(maps.predictions(), maps.priors, targets)
        parts = assigned_loss(maps, targets, assignment, weights, reduce)
    if one_to_one is not None:
        single = detection_loss(
            *(one_to_one, targets, OneToOne(assigner)),
            strides=strides,
            weights=weights,
            reduce=reduce,
        )
        parts[ONE_TO_ONE] = weights.one_to_one * torch.stack(list(single.values())).sum()
    return parts


def assigned_loss(
    maps: FlatMaps, targets: Targets, assignment: Assignment, weights: LossWeights, reduce: Reduce
) -> dict[str, Tensor]:
    """The weighted parts of the loss for a given assignment.

    The class part is divided by the number of matched priors. Box parts are weighted by the
    largest class score of their prior and divided by the sum of these weights. Both divisors are
    means over the processes, and at least 1. Classes that are not annotated in an image count there
    only as the class of the prior's own object, or, if classes exclude each other, at all matched
    priors.
    """
    image, prior = (assignment.matched >= 0).nonzero(as_tuple=True)  # P matched priors
    index = assignment.matched[image, prior]
    boxes, classes = targets.boxes[image, index].float(), targets.labels[image, index]
    points, strides = maps.priors.points[prior], maps.priors.strides[prior]

    confidence = confidence_of(maps.scores[image, prior].detach(), targets, image, classes)
    counts = torch.stack((confidence.new_tensor(len(index)), confidence.sum()))
    num_matched, confidence_sum = reduce(counts).clamp(min=1)

    labels = ClassLabels(image, prior, classes, assignment.quality[image, prior])
    of_classes = class_loss(
        maps.scores, labels, assignment.ignored, targets.annotated, weights.exclusive
    )

    logits = maps.distances[image, prior]  # (P, 4, bins)
    of_boxes = giou_loss(boxes_at(points, strides, logits), boxes)
    sides = torch.cat((points - boxes[:, :2], boxes[:, 2:] - points), dim=-1) / strides[:, None]
    of_sides = distribution_focal_loss(logits, sides).mean(dim=-1)
    return {
        "quality_focal": weights.quality_focal * of_classes / num_matched,
        "giou": weights.giou * (of_boxes * confidence).sum() / confidence_sum,
        "distribution_focal": weights.distribution_focal
        * (of_sides * confidence).sum()
        / confidence_sum,
    }


def confidence_of(logits: Tensor, targets: Targets, image: Tensor, classes: Tensor) -> Tensor:
    """The largest score of each matched prior over annotated classes and the class of its object.

    Args:
        logits: (P, C), class logits of the matched priors.
        targets: targets of the batch.
        image: (P,), index of the image of each prior.
        classes: (P,), class of its object.
    Returns:
        (P,) in 0..1.
    """
    if targets.annotated is not None:
        learned = targets.annotated[image].scatter(1, classes[:, None], True)
        logits = logits.where(learned, -torch.inf)
    return logits.sigmoid().amax(dim=-1)
