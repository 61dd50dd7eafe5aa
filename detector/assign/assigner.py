"""The interface of label assigners, which choose the object that each anchor point learns.

Shapes: B images, N priors (anchor points of the head), C classes, and M slots for the objects of
an image, some of which may be padding. Boxes are (x1, y1, x2, y2) in pixels of the network's input.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from maenas.blocks.errors import SpecError
from maenas.detector.ops.boxes import depth_inside, paired_iou

# Pairs of prior and object that are computed at a time; a float32 tensor of them has 32 MiB.
MAX_PAIRS = 2**23


class Predictions(NamedTuple):
    """The predictions of the network for a batch.

    Attributes:
        logits: (B, N, C), class scores before the sigmoid.
        boxes: (B, N, 4), pixels.
    """

    logits: Tensor
    boxes: Tensor


class Priors(NamedTuple):
    """The anchor points that predict boxes.

    Attributes:
        points: (N, 2) as (x, y) in pixels, one level after the other.
        strides: (N,), pixels between neighbouring points of the prior's level.
    """

    points: Tensor
    strides: Tensor


class Targets(NamedTuple):
    """The ground truth of a batch, padded to the same number of slots in each image.

    Attributes:
        boxes: (B, M, 4), pixels.
        labels: (B, M) int64, class indices.
        valid: (B, M) bool, False for padding.
        ignore: (B, M) bool, True for regions such as crowds: no prior learns them as an object, and
            the priors inside do not learn background.
        annotated: (B, C) bool, classes whose objects are all labelled in the image; where another
            class is absent from the labels, it may be in the image. None if all are annotated.
    """

    boxes: Tensor
    labels: Tensor
    valid: Tensor
    ignore: Tensor
    annotated: Tensor | None = None

    def part(self, images: slice) -> Targets:
        """The targets of some images of the batch."""
        annotated = None if self.annotated is None else self.annotated[images]
        boxes, labels = self.boxes[images], self.labels[images]
        return Targets(boxes, labels, self.valid[images], self.ignore[images], annotated)

    @property
    def objects(self) -> Tensor:
        """(B, M) bool, True for objects to detect."""
        return self.valid & ~self.ignore

    @property
    def regions(self) -> Tensor:
        """(B, M) bool, True for regions to ignore."""
        return self.valid & self.ignore


class Assignment(NamedTuple):
    """The result of label assignment: what each prior learns.

    Attributes:
        matched: (B, N) int64, slot of the prior's object in the targets, -1 for none.
        quality: (B, N) float32 in 0..1, quality of the match, which is the soft label of the
            class; 0 for priors without an object.
        ignored: (B, N) bool, True for priors that are neither positive nor negative.
    """

    matched: Tensor
    quality: Tensor
    ignored: Tensor


class Assigner(ABC):
    """Base class of label assigners, which match priors to objects in fp32 without gradients.

    An assigner is a frozen dataclass, and every option of it is a number above 0.

    Attributes:
        name: name in recipes.
    """

    name: ClassVar[str]

    def __post_init__(self) -> None:
        for each in fields(self):  # type: ignore[arg-type]  # every assigner is a dataclass
            value = getattr(self, each.name)
            if not value > 0:
                raise SpecError(f"assigner: {each.name} must be above 0, got {value}.")

    @torch.no_grad()
    def __call__(self, predictions: Predictions, priors: Priors, targets: Targets) -> Assignment:
        """The assignment of a batch, vectorised over images and objects."""
        predictions = Predictions(predictions.logits.float(), predictions.boxes.float())
        priors = Priors(priors.points.float(), priors.strides.float())
        targets = targets._replace(
            boxes=targets.boxes.float(),
            labels=targets.labels.where(targets.objects, 0),  # padding may hold any number
        )
        with torch.autocast(predictions.logits.device.type, enabled=False):
            if targets.boxes.shape[1]:
                matched, quality = self.match(predictions, priors, targets)
            else:
                shape = predictions.logits.shape[:2]
                matched = targets.labels.new_full(shape, -1)
                quality = predictions.boxes.new_zeros(shape)
            ignored = covered(priors, targets.boxes, targets.regions) & (matched < 0)
        return Assignment(matched, quality, ignored)

    @abstractmethod
    def match(
        self, predictions: Predictions, priors: Priors, targets: Targets
    ) -> tuple[Tensor, Tensor]:
        """`matched` and `quality` of an `Assignment`; M is at least 1 and every label is valid."""


def padded_targets(
    boxes: Sequence[Tensor], labels: Sequence[Tensor], ignore: Sequence[Tensor] | None = None
) -> Targets:
    """The targets of a batch, from the boxes and labels of each image.

    Args:
        boxes: (M_b, 4) for each image; M_b may be 0.
        labels: (M_b,) for each image.
        ignore: (M_b,) bool for each image; None if there are no regions to ignore.
    """
    most = max(map(len, labels), default=0)
    first = boxes[0]
    targets = Targets(
        first.new_zeros((len(boxes), most, 4), dtype=torch.float32),
        first.new_zeros((len(boxes), most), dtype=torch.int64),
        first.new_zeros((len(boxes), most), dtype=torch.bool),
        first.new_zeros((len(boxes), most), dtype=torch.bool),
    )
    for index, (its_boxes, its_labels) in enumerate(zip(boxes, labels, strict=True)):
        count = len(its_labels)
        targets.boxes[index, :count] = its_boxes
        targets.labels[index, :count] = its_labels
        targets.valid[index, :count] = True
        if ignore is not None:
            targets.ignore[index, :count] = ignore[index]
    return targets


def slices(images: int, priors: int, slots: int) -> Iterator[slice]:
    """Slices of slots with at most `MAX_PAIRS` pairs each, or with a single slot."""
    step = max(1, MAX_PAIRS // max(1, images * priors))
    for start in range(0, slots, step):
        yield slice(start, min(start + step, slots))


def covered(priors: Priors, boxes_xyxy: Tensor, chosen: Tensor) -> Tensor:
    """Whether a prior lies strictly inside any of the chosen boxes.

    Args:
        priors: N priors.
        boxes_xyxy: (B, M, 4), pixels.
        chosen: (B, M) bool, True for the boxes to test.
    Returns:
        (B, N) bool.
    """
    images, slots = chosen.shape
    found = chosen.new_zeros((images, len(priors.points)))
    for part in slices(images, len(priors.points), slots):
        inside = depth_inside(priors.points, boxes_xyxy[:, part]) > 0
        found |= (inside & chosen[:, part, None]).any(dim=1)
    return found


def quality_of_boxes(predictions: Predictions, targets: Targets, matched: Tensor) -> Tensor:
    """IoU of each predicted box with the box of its object, (B, N); 0 without an object."""
    boxes = targets.boxes.gather(1, matched.clamp(min=0)[..., None].expand(-1, -1, 4))
    return paired_iou(predictions.boxes, boxes).where(matched >= 0, 0.0)


def resolve_claims(claimed: Tensor, claims: Tensor, priority: Tensor, priors: int) -> Tensor:
    """Match each claimed prior to the object of highest priority; ties go to the lowest slot.

    Args:
        claimed: (B, M, K) int64, priors that each object may claim.
        claims: (B, M, K) bool, whether the object claims the prior.
        priority: (B, M, K), priority of each claim.
        priors: number of priors, N.
    Returns:
        (B, N) int64, slot of the object, -1 for none.
    """
    images, slots, _ = claimed.shape
    index = claimed.flatten(1)
    bids = priority.where(claims, -torch.inf).flatten(1)
    best = bids.new_full((images, priors), -torch.inf).scatter_reduce(1, index, bids, "amax")
    wins = claims.flatten(1) & (bids == best.gather(1, index))
    slot = torch.arange(slots, device=claimed.device)[:, None].expand_as(claimed[0])
    bidders = slot.flatten().where(wins, slots)
    matched = claimed.new_full((images, priors), slots)
    matched = matched.scatter_reduce(1, index, bidders, "amin")
    return matched.where(matched < slots, -1)
