"""Images drawn by chance: something to look at where the user gives none."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from maenas.detector.media.images import Pixels

SHAPES = 14
GRAIN = 6.0  # standard deviation of the noise, in levels of 0..255


def sample_image(height: int, width: int, seed: int = 0) -> Pixels:
    """Coloured boxes and ellipses on a gradient, slightly blurred, with grain.

    It has edges, smooth parts and noise as photographs do, and every level of brightness; it is
    no photograph, so ranges calibrated on such images are only a stand-in.

    Args:
        height: in pixels.
        width: in pixels.
        seed: the same seed gives the same image.
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
