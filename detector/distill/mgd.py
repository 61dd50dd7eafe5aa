"""Masked generative distillation: the teacher's maps are generated from masked student maps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from maenas.detector.distill.feature_loss import FeatureLoss

MASKED = 0.65  # share of masked positions
SCALE = 2e-5  # factor of the sum over an image


class MGD(FeatureLoss):
    """The squared difference of the teacher's maps and those generated from masked student maps.

    The mask is drawn for each image and is the same for all channels. The generators are trained;
    in DAMO-YOLO's code they keep their initial weights, because no optimizer updates them.

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
        drawn = torch.rand(batch, 1, height, width)  # on the CPU, whose RNG state a run saves
        shown = (drawn > MASKED).to(student)
        generated = self.generators[level](student * shown)
        return SCALE / batch * mse_loss(generated, teacher, reduction="sum")
