"""Conversion of an RGB image to the channels that a detector reads."""

from __future__ import annotations

import numpy as np
from PIL import Image

from maenas.detector.media.images import Pixels


def in_channels(pixels: Pixels, channels: int) -> Pixels:
    """An RGB image with the channels that a detector reads: (height, width, channels).

    Grey is the luma of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B, rounded, as in Pillow's mode "L".
    An image that is grey already keeps its levels: its three channels are equal.

    Args:
        pixels: (height, width, 3), RGB image.
        channels: number of channels, a key of `detector.channels.COLOURS`.
    """
    if channels == pixels.shape[2]:
        return pixels
    return np.array(Image.fromarray(pixels).convert("L"))[..., None]
