"""Pixels of each 2x2 square as channels."""

import torch
from torch import Tensor, nn


class SpaceToDepth(nn.Module):
    """(B, C, H, W) -> (B, 4C, H/2, W/2).

    Channels come in the order (even row, even column), (odd, even), (even, odd), (odd, odd), as
    the Focus stem of DAMO-YOLO has them; `pixel_unshuffle` orders them otherwise.
    """

    def forward(self, x: Tensor) -> Tensor:
        even, odd = x[..., ::2, :], x[..., 1::2, :]
        return torch.cat((even[..., ::2], odd[..., ::2], even[..., 1::2], odd[..., 1::2]), dim=1)
