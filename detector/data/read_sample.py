"""The picture of a sample."""

from __future__ import annotations

from detector.data.dataset import Sample
from detector.pictures import Pixels, read_picture


def read_sample(sample: Sample, least: tuple[int, int] | None = None) -> Pixels:
    """The picture of a sample, whole or at a resolution that is enough.

    Args:
        sample: of a data set.
        least: (height, width) that are enough, as in `read_picture`.
    Raises:
        PictureError: if it cannot be read, or has another size than its labels were made for.
    """
    return read_picture(sample.path, sample.size, least)
