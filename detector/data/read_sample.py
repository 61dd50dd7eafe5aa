"""The image of a sample."""

from __future__ import annotations

from maenas.detector.data.samples import Sample
from maenas.detector.media.images import Pixels, read_image


def read_sample(sample: Sample, least: tuple[int, int] | None = None) -> Pixels:
    """The image of a sample, whole or at a resolution that is enough.

    Args:
        sample: of a data set.
        least: (height, width) that are enough, as in `read_image`.
    Raises:
        ImageError: if it cannot be read, or has another size than its labels were made for.
    """
    return read_image(sample.path, sample.size, least)
