"""Drawing of boxes with text on an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from maenas.detector.arrays import Floats
from maenas.detector.media.images import Pixels
from maenas.detector.media.label_text import Colour, Font, text_colour, text_font

LINE_SHARE, TEXT_SHARE = 1 / 320, 1 / 45  # shares of the longer side


def draw_boxes(
    pixels: Pixels, boxes_xyxy: Floats, texts: Sequence[str], colours: Sequence[Colour]
) -> Pixels:
    """A copy of the image with boxes and text above them, the last box on top.

    Args:
        pixels: (height, width, 3), RGB image.
        boxes_xyxy: (N, 4) in pixels.
        texts: text of each box, N.
        colours: colour of each box and its text patch, N.
    """
    image = Image.fromarray(pixels)
    canvas = ImageDraw.Draw(image)
    longer = max(image.size)
    line, font = max(1, round(longer * LINE_SHARE)), text_font(round(longer * TEXT_SHARE))
    boxes = boxes_xyxy.tolist()
    for (x1, y1, x2, y2), colour in zip(boxes, colours, strict=True):
        far = max(x1, x2 - 1), max(y1, y2 - 1)
        canvas.rectangle(((x1, y1), far), outline=colour, width=line)
    for (x1, y1, _, _), text, colour in zip(boxes, texts, colours, strict=True):
        _tag(canvas, image.size, (x1, y1), text, colour, font)  # above all boxes, to stay readable
    return np.array(image)


def _tag(
    canvas: ImageDraw.ImageDraw,
    size: tuple[int, int],
    corner: tuple[float, float],
    text: str,
    colour: Colour,
    font: Font,
) -> None:
    """Draw text on a patch above the corner, or inside the image if there is no room above."""
    left, top, right, bottom = canvas.textbbox((0, 0), text, font=font)
    width, height = right - left + 4, bottom - top + 4
    x = max(0.0, min(corner[0], size[0] - width))
    y = corner[1] - height if corner[1] >= height else min(corner[1], size[1] - height)
    y = max(0.0, y)
    canvas.rectangle((x, y, x + width, y + height), fill=colour)
    canvas.text((x + 2 - left, y + 2 - top), text, fill=text_colour(colour), font=font)
