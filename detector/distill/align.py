"""Maps of a student and its teacher made comparable: width, size, and channel statistics."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import batch_norm, interpolate

EPS = 1e-5  # beside a variance


class Align(nn.Module):
    """A learned 1x1 projection to the teacher's channels, resized where the maps differ.

    It is there with equal widths as well: a student need not order its channels as its teacher.

    Args:
        student_channels: that come in.
        teacher_channels: that go out.
    """

    def __init__(self, student_channels: int, teacher_channels: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(student_channels, teacher_channels, 1)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """The student's map (B, C', h, w) in the shape of the teacher's, (B, C, H, W)."""
        projected: Tensor = self.projection(student)
        if projected.shape[-2:] != teacher.shape[-2:]:
            projected = interpolate(projected, teacher.shape[-2:], mode="bilinear")
        return projected


def standardised(maps: Tensor) -> Tensor:
    """Maps (B, C, H, W) less the mean of each channel, over its standard deviation.

    Both are of the batch: BatchNorm in training without weights of its own. The deviation is what
    the report calls channel-wise dynamic temperature, since a softmax follows in CWD.
    """
    if maps.numel() == maps.shape[1]:  # one number a channel: nothing varies
        return maps - maps
    return batch_norm(maps, None, None, training=True, eps=EPS)
