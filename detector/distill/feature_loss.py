"""The contract of distillation: (student's maps, teacher's maps) -> loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from maenas.detector.distill.align import Align, standardised


class FeatureLoss(nn.Module, ABC):
    """How far maps of a student are from those of its teacher, summed over levels.

    Maps are aligned and standardised per channel first, for every method alike. Its weights are
    trained with the student and are no part of the detector.

    Args:
        student_channels: of each level.
        teacher_channels: of each level.

    Source: DAMO-YOLO report (https://arxiv.org/abs/2211.15444), section 2.5, and its code
    (tinyvision/DAMO-YOLO, Apache-2.0).
    """

    def __init__(self, student_channels: Sequence[int], teacher_channels: Sequence[int]) -> None:
        super().__init__()
        pairs = zip(student_channels, teacher_channels, strict=True)
        self.aligns = nn.ModuleList(Align(ours, theirs) for ours, theirs in pairs)

    def forward(self, student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
        """The loss, 0-D in 32 bits or more, also under autocast.

        Args:
            student: (B, C', h, w) of each level.
            teacher: (B, C, H, W) of each level; it gets no gradient.
        """
        total = torch.zeros((), device=teacher[0].device)
        levels = zip(self.aligns, student, teacher, strict=True)
        for level, (align, ours, theirs) in enumerate(levels):
            projected = align(ours, theirs)
            with torch.autocast(total.device.type, enabled=False):
                total = total + self.level_loss(
                    level, standardised(at_least_32(projected)), standardised(at_least_32(theirs))
                )
        return total

    @abstractmethod
    def level_loss(self, level: int, student: Tensor, teacher: Tensor) -> Tensor:
        """The loss of one level, 0-D; both maps are (B, C, H, W) and standardised."""


def at_least_32(numbers: Tensor) -> Tensor:
    """Half precision as 32 bits, anything else as it is."""
    return numbers.float() if numbers.element_size() < 4 else numbers
