"""Mimicking: the student learns to reproduce the maps of the teacher."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import mse_loss

from maenas.detector.distill.feature_loss import FeatureLoss


class Mimicking(FeatureLoss):
    """The mean squared error between the maps of student and teacher.

    Source: Mimicking Very Efficient Network for Object Detection (CVPR 2017), applied to whole
    maps as in the comparison of the DAMO-YOLO report.
    """

    def level_loss(self, level: int, student: Tensor, teacher: Tensor) -> Tensor:
        return mse_loss(student, teacher)
