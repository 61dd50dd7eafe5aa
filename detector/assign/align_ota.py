"""AlignOTA: dynamic k with a focal class cost whose soft label is the IoU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from maenas.detector.assign.assigner import Predictions, Priors, Targets
from maenas.detector.assign.dynamic_k import ClassCost, DynamicK, Ranked, ranked_by_cost
from maenas.detector.ops.softplus import softplus


@dataclass(frozen=True, slots=True)
class AlignOTA(DynamicK):
    """The assignment of DAMO-YOLO; quality is the IoU of the predicted box.

    The weights of the costs are those of DAMO-YOLO's code, 1 and 3; its report has 1 and 1.

    Attributes:
        center_radius: half the side of the square centre region, in strides.
        topk: maximum number of priors of an object.
        class_weight: weight of the class cost.
        iou_weight: weight of the box cost.

    Source: DAMO-YOLO (https://arxiv.org/abs/2211.15444), section 2.4; GFL
    (https://arxiv.org/abs/2006.04388) for the class cost.
    """

    name: ClassVar[str] = "align_ota"
    center_radius: float = 2.5
    topk: int = 10
    class_weight: float = 1.0
    iou_weight: float = 3.0

    def ranked(
        self, predictions: Predictions, priors: Priors, targets: Targets
    ) -> Iterator[Ranked]:
        """See `DynamicK.ranked`."""

        def class_cost(absent: Tensor, logits: Tensor, iou: Tensor) -> Tensor:
            # The label of the object's class is the IoU, the label of all other classes is 0.
            return self.class_weight * (absent - background(logits) + focal(logits, iou))

        return ranked_by_cost(
            *(predictions, priors, targets, ClassCost(background, class_cost)),
            center_radius=self.center_radius,
            iou_weight=self.iou_weight,
        )


def focal(logits: Tensor, labels: Tensor) -> Tensor:
    """Quality focal loss with beta 2: cross-entropy times the squared distance to the label."""
    return (softplus(logits) - labels * logits) * (labels - logits.sigmoid()).square()


def background(logits: Tensor) -> Tensor:
    """Quality focal loss with beta 2 for the label 0."""
    return softplus(logits).mul_(logits.sigmoid().square_())
