"""SimOTA: dynamic k with cross-entropy as class cost."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from maenas.detector.assign.assigner import Assigner, Predictions, Priors, Targets, quality_of_boxes
from maenas.detector.assign.dynamic_k import dynamic_k_match
from maenas.detector.ops.softplus import softplus


@dataclass(frozen=True, slots=True)
class SimOTA(Assigner):
    """The assignment of YOLOX; quality is the IoU of the predicted box, its soft class label.

    YOLOX scores a class by the geometric mean of class and objectness; a head without objectness,
    as here, scores by the class alone.

    Attributes:
        center_radius: half side, in strides, of the centre region.
        topk: the most priors an object takes.
        iou_weight: of the box cost, lambda in equation 1.

    Source: YOLOX (https://arxiv.org/abs/2107.08430), section 2.1; numbers of its code
    (https://github.com/Megvii-BaseDetection/YOLOX, Apache-2.0).
    """

    center_radius: float = 2.5
    topk: int = 10
    iou_weight: float = 3.0

    def match(
        self, predictions: Predictions, priors: Priors, targets: Targets
    ) -> tuple[Tensor, Tensor]:
        """See `Assigner.match`."""
        background = softplus(predictions.logits).sum(dim=-1)[:, None]  # (B, 1, N)

        def class_cost(logits: Tensor, iou: Tensor) -> Tensor:
            return background - logits  # softplus(z) - z where the label is 1

        matched = dynamic_k_match(
            predictions,
            priors,
            targets,
            class_cost,
            center_radius=self.center_radius,
            topk=self.topk,
            iou_weight=self.iou_weight,
        )
        return matched, quality_of_boxes(predictions, targets, matched)
