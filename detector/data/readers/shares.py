"""Check of boxes that a format states in pixels: whether they are shares of the image instead."""

from __future__ import annotations

import numpy as np

from maenas.detector.data.dataset import DataError
from maenas.detector.data.readers.rows import Numbers

MARGIN = 0.01  # rounding may move a share this far outside of 0..1


def require_pixels(where: str, boxes: Numbers) -> None:
    """Raise `DataError` if the boxes of a file are shares of the image.

    Args:
        where: name of the file in the message.
        boxes: (N, 4) as (x1, y1, x2, y2), those of all images.
    """
    if are_shares(boxes):
        raise DataError(
            f"{where}: every corner is in 0..1, so they are shares of the image; write them in "
            "pixels."
        )


def are_shares(boxes: Numbers) -> bool:
    """Whether all corners lie in 0..1, which in pixels would be the first pixel of an image.

    Args:
        boxes: (N, 4) as (x1, y1, x2, y2); NaN is not looked at.
    """
    if not boxes.size:
        return False
    least, most = np.fmin.reduce(boxes, axis=None), np.fmax.reduce(boxes, axis=None)
    return bool(least >= -MARGIN and 0 < most <= 1 + MARGIN)
