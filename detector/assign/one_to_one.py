"""One-to-one assignment: each object takes one prior, and no prior belongs to two objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from maenas.detector.assign.assigner import Assigner, Predictions, Priors, Targets, quality_of_boxes
from maenas.detector.assign.dynamic_k import NEVER, Ranked
from maenas.detector.assign.tood import TOOD


@runtime_checkable
class RanksPriors(Protocol):
    """An assigner that ranks priors itself."""

    def ranked(
        self, predictions: Predictions, priors: Priors, targets: Targets
    ) -> Iterator[Ranked]:
        """The priors ranked for each object."""


@dataclass(frozen=True, slots=True)
class OneToOne(Assigner):
    """The assignment of a branch without NMS, by the same costs as the assigner beside it.

    Pairs are taken in the order of their cost, each if its object and its prior are still free. So
    an object whose first choice is cheaper for another object takes its next one. Quality is the
    IoU of the predicted box.

    Attributes:
        beside: assigner of the one-to-many branch. AlignOTA and SimOTA rank by their cost, all
            others by the alignment of TOOD.

    Source: consistent dual assignments of YOLOv10 (https://arxiv.org/abs/2405.14458), section 3.1.
    """

    name: ClassVar[str] = "one_to_one"
    beside: Assigner

    def __post_init__(self) -> None:
        """Accept any assigner."""

    def match(
        self, predictions: Predictions, priors: Priors, targets: Targets
    ) -> tuple[Tensor, Tensor]:
        """See `Assigner.match`."""
        by: RanksPriors = self.beside if isinstance(self.beside, RanksPriors) else TOOD()
        count = len(priors.points)
        # With as many choices as objects, each object finds a prior that no other one takes.
        choices = min(targets.labels.shape[1], count)
        ranked = by.ranked(predictions, priors, targets)
        found = [key.topk(choices, largest=False) for _, key, _ in ranked]
        keys, chosen = (torch.cat(parts, dim=1) for parts in zip(*found, strict=True))
        matched = one_prior_each(chosen, keys, count)
        return matched, quality_of_boxes(predictions, targets, matched)


def one_prior_each(chosen: Tensor, keys: Tensor, priors: int) -> Tensor:
    """Match objects to priors, the pair with the lowest key first; ties go to the lowest slot.

    Every object asks for its next choice until none of the priors that are asked for is cheaper for
    another object (deferred acceptance). As both sides rank a pair by its key, this is the greedy
    matching, without a sort of all pairs.

    Args:
        chosen: (B, M, K) int64, priors that each object may take, its best first.
        keys: (B, M, K) int32, keys of these pairs, ascending; `NEVER` for none.
        priors: number of priors, N.
    Returns:
        (B, N) int64, slot of the object, -1 for none.
    """
    images, slots, count = chosen.shape
    slot = torch.arange(slots, device=chosen.device).expand(images, slots)
    rank = torch.zeros_like(slot)
    while True:
        prior = chosen.gather(2, rank[..., None]).squeeze(2)  # (B, M)
        key = keys.gather(2, rank[..., None]).squeeze(2)
        lowest = keys.new_full((images, priors), NEVER).scatter_reduce(1, prior, key, "amin")
        leads = (key < NEVER) & (key == lowest.gather(1, prior))
        owner = slot.new_full((images, priors), slots)
        owner = owner.scatter_reduce(1, prior, slot.where(leads, slots), "amin")
        refused = (key < NEVER) & (owner.gather(1, prior) != slot) & (rank < count - 1)
        if not refused.any():
            return owner.where(owner < slots, -1)
        rank = rank + refused
