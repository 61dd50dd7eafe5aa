"""Colour operations of SADA on whole images (C, H, W), floats in 0..1.

Levels are 0 to 10. In an operation that blends, level 5 leaves the image nearly unchanged.
A grey image has one channel and comes out as each channel of the same image in RGB: its saturation
does not change.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad

GREY = torch.tensor([0.2989, 0.587, 0.114])[:, None, None]
MAX_ADDED = 0.4296875  # 110 / 256
SOLARIZED = 0.5  # levels up to this one are lightened

ColourOp = Callable[[Tensor, int], Tensor]


def colour(pixels: Tensor, level: int) -> Tensor:
    """Change the saturation: towards grey below level 5, away from it above."""
    return _blend(_grey(pixels), pixels, level)


def contrast(pixels: Tensor, level: int) -> Tensor:
    """Change the contrast: towards the mean grey below level 5, away from it above."""
    return _blend(_grey(pixels).mean(), pixels, level)


def brightness(pixels: Tensor, level: int) -> Tensor:
    """Change the brightness: darker below level 5, lighter above."""
    return _blend(torch.zeros(()), pixels, level)


def sharpness(pixels: Tensor, level: int) -> Tensor:
    """Change the sharpness: softer below level 5, sharper above."""
    padded = pad(pixels, (1, 1, 1, 1), mode="reflect")  # (C, H + 2, W + 2)
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    near = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]  # sums of 3 x 3
    return _blend(near.add_(pixels, alpha=4).div_(13), pixels, level)  # the middle weighs 5


def solarize_add(pixels: Tensor, level: int) -> Tensor:
    """Lighten the darker half of the levels."""
    lighter = (pixels + level / 10 * MAX_ADDED).clamp_(0, 1)
    return torch.where(pixels <= SOLARIZED, lighter, pixels)


def auto_contrast(pixels: Tensor, level: int) -> Tensor:
    """Stretch every channel to 0..1; the level is unused."""
    from torchvision.transforms.v2 import functional as tv  # takes as long to load as torch

    stretched: Tensor = tv.autocontrast(pixels)
    return stretched


def equalize(pixels: Tensor, level: int) -> Tensor:
    """Equalise the histogram of every channel; the level is unused."""
    return torch.stack([_equalized(channel) for channel in pixels * 255]) / 255


COLOUR_OPS: dict[str, ColourOp] = {
    "auto_contrast": auto_contrast,
    "equalize": equalize,
    "solarize_add": solarize_add,
    "colour": colour,
    "contrast": contrast,
    "brightness": brightness,
    "sharpness": sharpness,
}


def _equalized(channel: Tensor) -> Tensor:
    """A channel (H, W), floats in 0..255, after histogram equalisation.

    The bins are 255 / 256 wide, as in the reference, which counts floats, not whole levels.
    """
    counts = torch.histc(channel, 256, 0, 255)
    step = (counts.sum() - counts[counts > 0][-1]).div(255).floor()
    if step == 0:
        return channel.floor()
    sums = counts.cumsum(0) + (step / 2).floor()
    table = torch.cat((torch.zeros(1), (sums / step).floor()[:-1])).clamp_(0, 255)
    return table[channel.long()]


def _grey(pixels: Tensor) -> Tensor:
    return (pixels * GREY).sum(0, keepdim=True)  # (1, H, W); one channel counts for all three


def _blend(degenerate: Tensor, pixels: Tensor, level: int) -> Tensor:
    factor = level / 10 * 1.8 + 0.1
    blended = torch.lerp(degenerate.expand_as(pixels), pixels, factor)
    return blended.clamp_(0, 1) if factor > 1 else blended
