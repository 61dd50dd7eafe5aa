"""The picture of a sample."""

from __future__ import annotations

from detector.data.dataset import Sample
from detector.pictures import PictureError, Pixels, read_picture


def read_sample(sample: Sample) -> Pixels:
    """The picture of a sample.

    Raises:
        PictureError: if it cannot be read, or has another size than its labels were made for.
    """
    pixels = read_picture(sample.path)
    if pixels.shape[:2] != sample.size:
        (height, width), (tall, wide) = sample.size, pixels.shape[:2]
        raise PictureError(
            f"{sample.path}: is {wide}x{tall} when upright, its labels are for {width}x{height}."
        )
    return pixels
