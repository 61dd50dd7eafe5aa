"""Masked generative distillation: the teacher's maps from a part of the student's."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from maenas.detector.distill.feature_loss import FeatureLoss

MASKED = 0.65  # of the positions
SCALE = 2e-5  # of the sum over an image


class MGD(FeatureLoss):
    """The squared difference between what a generator makes of the masked student and the teacher.

    Positions are masked for all channels alike, drawn anew for every image. The generators
    learn: in DAMO-YOLO's code they stay as they were drawn, since no optimizer knows them.

    Source: Masked Generative Distillation, https://arxiv.org/abs/2205.01529, equation 2.
    """

    def __init__(self, student_channels: Sequence[int], teacher_channels: Sequence[int]) -> None:
        super().__init__(student_channels, teacher_channels)
        self.generators = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, width, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(width, width, 3, padding=1),
            )
            for width in teacher_channels
        )

    def level_loss(self, level: int, student: Tensor, teacher: Tensor) -> Tensor:
        batch, _, height, width = student.shape
        drawn = torch.rand(batch, 1, height, width)  # on the CPU, whose state a run keeps
        shown = (drawn > MASKED).to(student)
        generated = self.generators[level](student * shown)
        return SCALE / batch * mse_loss(generated, teacher, reduction="sum")
