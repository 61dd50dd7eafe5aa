"""SimOTA: dynamic k with the cross-entropy as class cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from maenas.detector.assign.assigner import Assigner, Predictions, Priors, Targets, quality_of_boxes
from maenas.detector.assign.dynamic_k import ClassCost, dynamic_k_match
from maenas.detector.ops.softplus import softplus


@dataclass(frozen=True, slots=True)
class SimOTA(Assigner):
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

    def match(
        self, predictions: Predictions, priors: Priors, targets: Targets
    ) -> tuple[Tensor, Tensor]:
        """See `Assigner.match`."""

        def class_cost(absent: Tensor, logits: Tensor, iou: Tensor) -> Tensor:
            return absent - logits  # softplus(z) - z where the label is 1

        matched = dynamic_k_match(
            predictions,
            priors,
            targets,
            ClassCost(softplus, class_cost),
            center_radius=self.center_radius,
            topk=self.topk,
            iou_weight=self.iou_weight,
        )
        return matched, quality_of_boxes(predictions, targets, matched)
