"""The interface of feature losses: (student's maps, teacher's maps) -> loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from maenas.detector.distill.align import Align, standardised


class FeatureLoss(nn.Module, ABC):
    """Base class of losses between the maps of a student and its teacher, summed over levels.

    Every method aligns the maps and standardises each channel first. The weights of the loss are
    trained with the student; the saved detector does not contain them.

    Args:
        student_channels: number of channels of the student's map on each level.
        teacher_channels: number of channels of the teacher's map on each level.

    Source: DAMO-YOLO report (https://arxiv.org/abs/2211.15444), section 2.5, and its code
    (tinyvision/DAMO-YOLO, Apache-2.0).
    """

    def __init__(self, student_channels: Sequence[int], teacher_channels: Sequence[int]) -> None:
        super().__init__()
        pairs = zip(student_channels, teacher_channels, strict=True)
        self.aligns = nn.ModuleList(Align(ours, theirs) for ours, theirs in pairs)

    def forward(self, student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
        """The loss, 0-D, computed in fp32 or fp64 also under autocast.

        Args:
            student: maps (B, C', h, w) of each level.
            teacher: maps (B, C, H, W) of each level, without gradients.
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
    """A tensor converted to fp32 if it has half precision."""
    return numbers.float() if numbers.element_size() < 4 else numbers
