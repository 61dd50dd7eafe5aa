"""Reading the image of a sample."""

from __future__ import annotations

from maenas.detector.data.samples import Sample
from maenas.detector.media.images import Pixels, read_image


def read_sample(sample: Sample, least: tuple[int, int] | None = None) -> Pixels:
    """Read the image of a sample, at full size or at a sufficient resolution.

    Args:
        sample: sample of a data set.
        least: minimum (height, width), as in `read_image`; None for full size.
    Raises:
        ImageError: if the image cannot be read, or its size differs from that of its labels.
    """
    return read_image(sample.path, sample.size, least)
