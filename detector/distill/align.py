"""Alignment of student and teacher maps: channels, size, and channel statistics."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import batch_norm, interpolate

EPS = 1e-5  # added to a variance


class Align(nn.Module):
    """A learned 1x1 projection to the teacher's channels, resized where the maps differ.

    The projection is used for equal numbers of channels too, because a student may order its
    channels differently.

    Args:
        student_channels: number of input channels.
        teacher_channels: number of output channels.
    """

    def __init__(self, student_channels: int, teacher_channels: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(student_channels, teacher_channels, 1)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """The student's map (B, C', h, w) in the shape of the teacher's map, (B, C, H, W)."""
        projected: Tensor = self.projection(student)
        if projected.shape[-2:] != teacher.shape[-2:]:
            projected = interpolate(projected, teacher.shape[-2:], mode="bilinear")
        return projected


def standardised(maps: Tensor) -> Tensor:
    """Maps (B, C, H, W) with mean 0 and standard deviation 1 in each channel.

    The statistics are those of the batch, as in BatchNorm in training mode without weights. The
    report calls the deviation channel-wise dynamic temperature, because CWD applies a softmax next.
    """
    if maps.numel() == maps.shape[1]:  # with one value a channel, the variance is 0
        return maps - maps
    return batch_norm(maps, None, None, training=True, eps=EPS)
