"""Colours and text of labels that are drawn on images."""

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
GOLDEN = (5**0.5 - 1) / 2  # steps by it never come near an earlier hue for long
MIN_TEXT = 11
READABLE = 320  # pixels of the longer side, from which on what is written hides little


def enlarged(pixels: Pixels) -> tuple[Pixels, int]:
    """A small image as many times as large as drawing on it needs, and how many that is."""
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
