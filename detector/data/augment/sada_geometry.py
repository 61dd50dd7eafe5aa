"""Geometric operations of SADA: each changes one crop of an image, floats in 0..1.

The crop of a box is flipped, rotated or sheared about its centre, or copied to another place, and
blended into the image through a Gaussian window. Levels are 0 to 10 with a random sign.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from maenas.detector.data.augment.affine import Rectangle
from maenas.detector.data.augment.gaussian import crop_window
from maenas.detector.media.channels import in_channels

BEYOND = (102, 115, 122)  # RGB fill where a rotated or sheared crop has no pixels
DEGREES_TURNED, DEGREES_SHEARED, PIXELS_MOVED = 3.0, 1.5, 12  # per level
WITHIN = ("hflip", "rotate", "shear_x", "shear_y")
MOVES = ("translate_x", "translate_y")
GEOMETRIC_OPS = (*WITHIN, *MOVES)


def changed(crop: Tensor, name: str, level: int) -> Tensor:
    """A crop (C, h, w) flipped, rotated or sheared about its centre, unchanged at its edges.

    Args:
        crop: (C, h, w), not empty.
        name: operation, one of `WITHIN`.
        level: signed strength; a negative level rotates or shears the other way.
    """
    other = crop.flip(-1) if name == "hflip" else _turned(crop, name, level)
    return torch.lerp(crop, other, crop_window(crop))


def laid_over(crop: Tensor, under: Tensor) -> Tensor:
    """Blend of a copied crop and the pixels under it (C, h, w): the crop in the middle."""
    return torch.lerp(under, crop, crop_window(crop))


def places_of_copy(
    box: Rectangle, name: str, level: int, size: tuple[int, int]
) -> tuple[Rectangle, Rectangle]:
    """The rectangle of a box that is copied, and the rectangle that it is copied to.

    As in the reference, the copy starts with the crop's first rows and columns, even where the
    image's left or top edge cuts it. The reference moves the label of the copy back towards the
    image, even where nothing was copied; here the label is the box of the copy.

    Args:
        box: rectangle within the image, not empty.
        name: operation, one of `MOVES`.
        level: signed strength; a negative level moves the copy left or up.
        size: (height, width) of the image.
    Returns:
        Two rectangles of one size; empty if the copy would lie outside the image.
    """
    x1, y1, x2, y2 = box
    shift = level * PIXELS_MOVED
    x, y = (shift, 0) if name == "translate_x" else (0, shift)
    left, right = max(x1 + x, 0), min(x2 + x, size[1])
    top, bottom = max(y1 + y, 0), min(y2 + y, size[0])
    right, bottom = max(left, right), max(top, bottom)
    return (x1, y1, x1 + right - left, y1 + bottom - top), (left, top, right, bottom)


def _turned(crop: Tensor, name: str, level: int) -> Tensor:
    """The crop after the operation, converted to uint8 and back as in the reference.

    A grey crop is turned as an RGB image, so that what lies beyond it is as light as in colour.
    """
    angle = level * DEGREES_TURNED if name == "rotate" else 0.0
    sheared = level * DEGREES_SHEARED
    shear = [sheared if name == "shear_x" else 0.0, sheared if name == "shear_y" else 0.0]
    rgb = (crop * 255).to(torch.uint8).expand(3, -1, -1)
    levels = rgb.permute(1, 2, 0).contiguous().numpy()
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2 import functional as tv  # takes as long to load as torch

    turned = tv.affine(
        Image.fromarray(levels),
        angle=angle,
        translate=[0, 0],
        scale=1.0,
        shear=shear,
        interpolation=InterpolationMode.BILINEAR,
        fill=list(BEYOND),
    )
    pixels = in_channels(np.array(turned), len(crop))
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
