"""Space-to-depth: the pixels of each 2x2 square become channels."""

import torch
from torch import Tensor, nn


class SpaceToDepth(nn.Module):
    """(B, C, H, W) -> (B, 4C, H/2, W/2).

    The order of the channels is (even row, even column), (odd, even), (even, odd), (odd, odd), as
    in the Focus stem of DAMO-YOLO; `pixel_unshuffle` uses another order.
    """

    def forward(self, x: Tensor) -> Tensor:
        even, odd = x[..., ::2, :], x[..., 1::2, :]
        return torch.cat((even[..., ::2], odd[..., ::2], even[..., 1::2], odd[..., 1::2]), dim=1)
