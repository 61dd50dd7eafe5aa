"""Colours and fonts of labels on images."""

from __future__ import annotations

import math
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageColor, ImageFont

from maenas.detector.media.images import Pixels

Colour = tuple[int, int, int]
Font = ImageFont.ImageFont | ImageFont.FreeTypeFont

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
GOLDEN = (5**0.5 - 1) / 2  # golden ratio: hues of successive classes stay far apart
MIN_TEXT = 11
READABLE = 320  # pixels of the longer side; on larger images text hides little


def enlarged(pixels: Pixels) -> tuple[Pixels, int]:
    """The image enlarged by an integer factor so that text stays readable, and the factor."""
    times = math.ceil(READABLE / max(pixels.shape[:2]))
    larger: Pixels = pixels.repeat(times, axis=0).repeat(times, axis=1)
    return larger, times


@cache
def class_colour(index: int) -> Colour:
    """Colour of a class: a hue per class, two shades, the same in every run."""
    hue = index * GOLDEN % 1
    shade = 100 if index % 2 == 0 else 75
    return ImageColor.getrgb(f"hsv({360 * hue:.0f},85%,{shade}%)")[:3]


def text_colour(background: Colour) -> Colour:
    """Black or white, the one with more contrast.

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
    """The font of matplotlib, which has Greek, Cyrillic and accents, unlike Pillow's."""
    size, package = max(MIN_TEXT, size), find_spec("matplotlib")
    for folder in package.submodule_search_locations or () if package else ():
        path = Path(folder) / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.exists():
            return ImageFont.truetype(path, size)
    return ImageFont.load_default(size)
