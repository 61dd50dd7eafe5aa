"""Randomly generated images, for checks where the user gives no image."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from maenas.detector.media.images import Pixels

SHAPES = 14
GRAIN = 6.0  # standard deviation of the noise, in levels of 0..255


def sample_image(height: int, width: int, seed: int = 0) -> Pixels:
    """Coloured boxes and ellipses on a gradient, slightly blurred, with grain.

    It has edges, smooth areas and noise like a photograph, and all brightness levels. INT8 ranges
    calibrated on such images only approximate those of real photographs.

    Args:
        height: height in pixels.
        width: width in pixels.
        seed: random seed; the same seed gives the same image.
    Returns:
        (height, width, 3), RGB.
    """
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 256, (2, 2, 3), dtype=np.uint8)
    image = Image.fromarray(corners).resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(SHAPES):
        center = rng.uniform(0, 1, 2) * (width, height)
        half = rng.uniform(0.02, 0.25, 2) * (width, height)
        box = [*(center - half), *(center + half)]
        colour = tuple(int(level) for level in rng.integers(0, 256, 3))
        paint = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        paint(box, fill=colour)
    blurred = np.asarray(image.filter(ImageFilter.GaussianBlur(1)), dtype=np.float32)
    grainy = blurred + rng.normal(0, GRAIN, blurred.shape)
    return grainy.clip(0, 255).astype(np.uint8)
