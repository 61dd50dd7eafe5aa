"""Drawing of boxes with text on an image."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from maenas.detector.arrays import Floats
from maenas.detector.media.images import Pixels
from maenas.detector.media.label_text import Colour, Font, text_colour, text_font

LINE_SHARE, TEXT_SHARE = 1 / 320, 1 / 45  # shares of the longer side
MOST_COVERED = 1 / 5  # share of an image that texts may hide
MARGIN = 2  # pixels around a text
MOST_LINES = 8  # lines that a text is moved at most
Patch = tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels


def draw_boxes(
    pixels: Pixels, boxes_xyxy: Floats, texts: Sequence[str], colours: Sequence[Colour]
) -> Pixels:
    """A copy of the image with boxes and their texts, the last box on top.

    Texts are placed so that none covers another, as far as there is room. They cover at most
    `MOST_COVERED` of the image: boxes at the bottom remain without text, but never all.

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
    taken: list[Patch] = []
    room = MOST_COVERED * image.width * image.height
    for box, text in zip(reversed(boxes), reversed(texts), strict=True):  # the last one chooses
        width, height = _patch_size(canvas, text, font)
        room -= width * height
        if taken and room < 0:
            break
        taken.append(place(box, (width, height), image.size, taken))
    first = len(boxes) - len(taken)
    for patch, text, colour in zip(reversed(taken), texts[first:], colours[first:], strict=True):
        _tag(canvas, patch, text, colour, font)  # above all boxes, to stay readable
    return np.array(image)


def place(
    box: Sequence[float],
    size: tuple[float, float],
    image: tuple[int, int],
    taken: Sequence[Patch],
) -> Patch:
    """Place of the text of a box: the first place where it covers no other text.

    Above the box is best, at its left or right end, then inside its upper edge, below it, and
    further up or down by whole lines. Where all of these are taken, it covers other text.

    Args:
        box: (x1, y1, x2, y2) in pixels.
        size: (width, height) of the text in pixels.
        image: (width, height) of the image in pixels.
        taken: places of other texts.
    Returns:
        (x1, y1, x2, y2) of the text, inside the image if it fits there.
    """
    width, height = size
    lefts = [max(0.0, min(x, image[0] - width)) for x in (box[0], box[2] - width)]
    best = box[1] - height if box[1] >= height else min(box[1], image[1] - height)
    tops = [best, box[1], box[3]]
    for line in range(1, MOST_LINES):
        tops += [best - line * height, box[1] + line * height]
    for top, x in itertools.product(tops, lefts):
        patch = (x, top, x + width, top + height)
        if 0 <= top <= image[1] - height and not any(overlap(patch, other) for other in taken):
            return patch
    x, top = lefts[0], max(0.0, best)
    return x, top, x + width, top + height


def overlap(one: Patch, other: Patch) -> bool:
    """Whether two rectangles share more than an edge."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _patch_size(canvas: ImageDraw.ImageDraw, text: str, font: Font) -> tuple[float, float]:
    left, top, right, bottom = canvas.textbbox((0, 0), text, font=font)
    return right - left + 2 * MARGIN, bottom - top + 2 * MARGIN


def _tag(canvas: ImageDraw.ImageDraw, patch: Patch, text: str, colour: Colour, font: Font) -> None:
    """Draw text on a patch of the colour."""
    left, top, _, _ = canvas.textbbox((0, 0), text, font=font)
    canvas.rectangle(patch, fill=colour)
    at = patch[0] + MARGIN - left, patch[1] + MARGIN - top
    canvas.text(at, text, fill=text_colour(colour), font=font)
