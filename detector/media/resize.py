"""Resizing of images to the network's input, and mapping of boxes back to the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import interpolate

from maenas.blocks.errors import one_of
from maenas.detector.arrays import Floats
from maenas.detector.media.channels import in_channels
from maenas.detector.media.images import Pixels

FILL = 114.0  # grey level of the padding, as in DAMO-YOLO and YOLOX
RESIZES = ("letterbox", "stretch")


@dataclass(frozen=True, slots=True)
class Placement:
    """Placement of an image in the network's input, at the top left corner.

    Coordinates are continuous: 0 at the first pixel's left edge and the width at the last one's
    right edge. Both directions are therefore a multiplication.

    Attributes:
        image: (height, width) of the image.
        placed: (height, width) of the image in the input.
    """

    image: tuple[int, int]
    placed: tuple[int, int]

    def to_input(self, boxes_xyxy: Floats) -> Floats:
        """Boxes (N, 4): pixels of the image -> pixels of the input."""
        on_input: Floats = boxes_xyxy * self._scale()
        return on_input

    def to_image(self, boxes_xyxy: Floats) -> Floats:
        """Boxes (N, 4): pixels of the input -> pixels of the image, clipped to it."""
        height, width = self.image
        limits = np.array([width, height, width, height], dtype=np.float32)
        clipped: Floats = np.clip(boxes_xyxy / self._scale(), 0, limits)
        return clipped

    def _scale(self) -> Floats:
        """(4,): input pixels per image pixel, for x1, y1, x2, y2."""
        y, x = (to / of for to, of in zip(self.placed, self.image, strict=True))
        return np.array([x, y, x, y], dtype=np.float32)


def placement_of(image: tuple[int, int], room: tuple[int, int], resize: str) -> Placement:
    """The placement of an image in the input.

    Args:
        image: (height, width) of the image.
        room: (height, width) of the input.
        resize: "letterbox" keeps the aspect ratio to the nearest pixel, "stretch" fills the input.
    Raises:
        SpecError: if `resize` is neither.
    """
    one_of("input", "resize", resize, RESIZES)
    if resize == "stretch":
        return Placement(image, room)
    scale = min(to / of for to, of in zip(room, image, strict=True))
    height, width = (max(1, round(side * scale)) for side in image)
    return Placement(image, (height, width))


def fit(pixels: Pixels, in_shape: tuple[int, int, int], resize: str) -> tuple[Floats, Placement]:
    """The image as the input of a network, resized and padded, and its placement.

    Interpolation is bilinear over the four nearest pixels even when the image shrinks, as in
    DAMO-YOLO's training and evaluation. Levels stay integers, at most 1 from the exact value:
    floats take ten times as long for an image of 12 megapixels.

    Args:
        pixels: (height, width, 3), RGB image.
        in_shape: (channels, height, width) of the input; with 1 channel the image becomes grey.
        resize: method, as in `placement_of`.
    Returns:
        Image (*in_shape), levels in 0..255, and the placement.
    """
    channels, *room = in_shape
    placement = placement_of((pixels.shape[0], pixels.shape[1]), (room[0], room[1]), resize)
    height, width = placement.placed
    fitted = np.empty(in_shape, dtype=np.float32)
    fitted[:, :height, :width] = resized(in_channels(pixels, channels), placement.placed).numpy()
    fitted[:, height:] = fitted[:, :height, width:] = FILL
    return fitted, placement


def resized(pixels: Pixels, size: tuple[int, int]) -> torch.Tensor:
    """An image (height, width, C) resized with bilinear interpolation: (C, *size), uint8."""
    whole = torch.from_numpy(np.require(pixels, requirements=("C", "W")))  # for torch
    planes = whole.permute(2, 0, 1)  # (C, H, W)
    if planes.shape[1:] == size:
        return planes
    return interpolate(planes[None], size, mode="bilinear", align_corners=False)[0]
