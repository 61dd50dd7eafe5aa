"""SimOTA: dynamic k with the cross-entropy as class cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from maenas.detector.assign.assigner import Predictions, Priors, Targets
from maenas.detector.assign.dynamic_k import ClassCost, DynamicK, Ranked, ranked_by_cost
from maenas.detector.ops.softplus import softplus


@dataclass(frozen=True, slots=True)
class SimOTA(DynamicK):
    """The assignment of YOLOX; quality, the soft class label, is the IoU of the predicted box.

    In YOLOX, a class score is the geometric mean of class and objectness. This head has no
    objectness, so that its class score is used alone.

    Attributes:
        center_radius: half the side of the square centre region, in strides.
        topk: maximum number of priors of an object.
        iou_weight: weight of the box cost, lambda in equation 1.

    Source: YOLOX (https://arxiv.org/abs/2107.08430), section 2.1; default values from its code
    (https://github.com/Megvii-BaseDetection/YOLOX, Apache-2.0).
    """

    name: ClassVar[str] = "sim_ota"
    center_radius: float = 2.5
    topk: int = 10
    iou_weight: float = 3.0

    def ranked(
        self, predictions: Predictions, priors: Priors, targets: Targets
    ) -> Iterator[Ranked]:
        """See `DynamicK.ranked`."""

        def class_cost(absent: Tensor, logits: Tensor, iou: Tensor) -> Tensor:
            return absent - logits  # softplus(z) - z where the label is 1

        return ranked_by_cost(
            *(predictions, priors, targets, ClassCost(softplus, class_cost)),
            center_radius=self.center_radius,
            iou_weight=self.iou_weight,
        )
