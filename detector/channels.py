"""The numbers of channels that a detector can read; its spec, `backbone.in_shape`, says which.

Images are decoded as RGB, whatever their file holds. `media.channels.in_channels` makes of one what
a detector reads, in the loader as in inference.
"""

from __future__ import annotations

COLOURS = {3: "RGB", 1: "grey"}  # colour of an image by its number of channels
KNOWN = "3 channels (red, green, blue) or 1 (grey)"


def shown_shape(in_shape: tuple[int, int, int]) -> str:
    """Height and width of images as text, and their colour where it is not RGB: "64x320 grey"."""
    channels, height, width = in_shape
    colour = "" if channels == 3 else f" {COLOURS.get(channels, f'{channels} channels')}"
    return f"{height}x{width}{colour}"
