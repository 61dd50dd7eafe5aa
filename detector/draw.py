"""Boxes on a picture, with what they hold and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from detector.pictures import Pixels
from detector.results import Objects
from detector.runtimes.runtime import Floats

Colour = tuple[int, int, int]
Font = ImageFont.ImageFont | ImageFont.FreeTypeFont

GOLDEN = (5**0.5 - 1) / 2  # steps by it never come near an earlier hue for long
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
LINE_SHARE, TEXT_SHARE = 1 / 320, 1 / 45  # of the longer side
MIN_TEXT = 11
READABLE = 320  # pixels of the longer side, from which on what is written hides little


def draw(pixels: Pixels, found: Objects) -> Pixels:
    """A copy of the picture with the objects drawn on, the best on top."""
    words = zip(found.labels, found.scores.tolist(), strict=True)
    texts = [f"{label} {score:.2f}" for label, score in words]
    colours = [class_colour(index) for index in found.classes.tolist()]
    return draw_boxes(pixels, found.boxes[::-1], texts[::-1], colours[::-1])


def draw_boxes(
    pixels: Pixels, boxes_xyxy: Floats, texts: Sequence[str], colours: Sequence[Colour]
) -> Pixels:
    """A copy of the picture with boxes and what is written above them, the last on top.

    Args:
        pixels: (height, width, 3), RGB.
        boxes_xyxy: (N, 4) in pixels.
        texts: N, one a box.
        colours: N, of box and patch.
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
        _tag(canvas, image.size, (x1, y1), text, colour, font)  # over all boxes, to be read
    return np.array(image)


def enlarged(pixels: Pixels) -> tuple[Pixels, int]:
    """A small picture as many times as large as drawing on it needs, and how many that is."""
    times = math.ceil(READABLE / max(pixels.shape[:2]))
    larger: Pixels = pixels.repeat(times, axis=0).repeat(times, axis=1)
    return larger, times


@cache
def class_colour(index: int) -> Colour:
    """The colour of a class: one hue each, two shades, the same in every run."""
    hue = index * GOLDEN % 1
    shade = 100 if index % 2 == 0 else 75
    return ImageColor.getrgb(f"hsv({360 * hue:.0f},85%,{shade}%)")[:3]


def text_colour(background: Colour) -> Colour:
    """Black or white, whichever stands out more.

    Source: relative luminance and contrast ratio, WCAG 2.2.
    """
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (value / 255 for value in background)
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # equal contrast (L + 0.05) / 0.05 = 1.05 / (L + 0.05) at L = 0.179
    return BLACK if luminance > 0.179 else WHITE


@cache
def text_font(size: int) -> Font:
    """The font that comes with matplotlib: it has Greek, Cyrillic and accents, Pillow's has not."""
    size, package = max(MIN_TEXT, size), find_spec("matplotlib")
    for folder in package.submodule_search_locations or () if package else ():
        path = Path(folder) / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.exists():
            return ImageFont.truetype(path, size)
    return ImageFont.load_default(size)


def _tag(
    canvas: ImageDraw.ImageDraw,
    size: tuple[int, int],
    corner: tuple[float, float],
    text: str,
    colour: Colour,
    font: Font,
) -> None:
    """The text on a patch above the corner; inside the picture if there is no room above."""
    left, top, right, bottom = canvas.textbbox((0, 0), text, font=font)
    width, height = right - left + 4, bottom - top + 4
    x = max(0.0, min(corner[0], size[0] - width))
    y = corner[1] - height if corner[1] >= height else min(corner[1], size[1] - height)
    y = max(0.0, y)
    canvas.rectangle((x, y, x + width, y + height), fill=colour)
    canvas.text((x + 2 - left, y + 2 - top), text, fill=text_colour(colour), font=font)
