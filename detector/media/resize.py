"""An image at the size of the network's input, and boxes back on the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import interpolate

from maenas.blocks.errors import one_of
from maenas.detector.arrays import Floats
from maenas.detector.media.images import Pixels

FILL = 114.0  # grey level of what an image leaves free, as DAMO-YOLO and YOLOX have it
RESIZES = ("letterbox", "stretch")


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an image lies in the network's input: from the top left corner on.

    Coordinates are continuous, 0 at the first pixel's left edge and the width at the last one's
    right edge, so both ways are a multiplication.

    Attributes:
        image: its (height, width).
        placed: the (height, width) it takes of the input.
    """

    image: tuple[int, int]
    placed: tuple[int, int]

    def to_input(self, boxes_xyxy: Floats) -> Floats:
        """Boxes (N, 4) on the image -> on the input."""
        on_input: Floats = boxes_xyxy * self._scale()
        return on_input

    def to_image(self, boxes_xyxy: Floats) -> Floats:
        """Boxes (N, 4) on the input -> on the image, clipped to it."""
        height, width = self.image
        limits = np.array([width, height, width, height], dtype=np.float32)
        clipped: Floats = np.clip(boxes_xyxy / self._scale(), 0, limits)
        return clipped

    def _scale(self) -> Floats:
        """Input pixels an image pixel, for x1, y1, x2, y2."""
        y, x = (to / of for to, of in zip(self.placed, self.image, strict=True))
        return np.array([x, y, x, y], dtype=np.float32)


def place(image: tuple[int, int], room: tuple[int, int], resize: str) -> Placement:
    """Where an image goes.

    Args:
        image: its (height, width).
        room: (height, width) of the input.
        resize: "letterbox" keeps its proportions to the nearest pixel, "stretch" fills the room.
    Raises:
        SpecError: for another `resize`.
    """
    one_of("input", "resize", resize, RESIZES)
    if resize == "stretch":
        return Placement(image, room)
    scale = min(to / of for to, of in zip(room, image, strict=True))
    height, width = (max(1, round(side * scale)) for side in image)
    return Placement(image, (height, width))


def fit(pixels: Pixels, room: tuple[int, int], resize: str) -> tuple[Floats, Placement]:
    """An image at the size of the input, and where it lies there.

    Bilinear between the four nearest pixels also when it shrinks, as DAMO-YOLO resizes in
    training and evaluation. Levels stay whole numbers, at most one from the exact value: in
    floats an image of 12 megapixels takes ten times as long.

    Args:
        pixels: (height, width, 3), RGB.
        room: (height, width) of the input.
        resize: as in `place`.
    Returns:
        (3, *room), RGB in 0..255, and the placement.
    """
    placement = place((pixels.shape[0], pixels.shape[1]), room, resize)
    height, width = placement.placed
    fitted = np.empty((3, *room), dtype=np.float32)
    fitted[:, :height, :width] = resized(pixels, placement.placed).numpy()
    fitted[:, height:] = fitted[:, :height, width:] = FILL
    return fitted, placement


def resized(pixels: Pixels, size: tuple[int, int]) -> torch.Tensor:
    """An image (height, width, 3) at another size, bilinear: (3, *size), 8 bits."""
    whole = torch.from_numpy(np.require(pixels, requirements=("C", "W")))  # as torch can view it
    planes = whole.permute(2, 0, 1)  # (3, H, W)
    if planes.shape[1:] == size:
        return planes
    return interpolate(planes[None], size, mode="bilinear", align_corners=False)[0]
