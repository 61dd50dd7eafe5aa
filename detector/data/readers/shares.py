"""Check of boxes that a format states in pixels: whether they are shares of the image instead."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from maenas.detector.data.dataset import DataError
from maenas.detector.data.readers.rows import Numbers

MARGIN = 0.01  # rounding may move a share this far outside of 0..1
BLOCK = 1_000_000  # boxes that are looked at together, which limits memory
STRAY = "has every corner in 0..1, as a share of the image, where most boxes are in pixels"
STRAY_FIX = "write it in pixels"
NEITHER, SHARE, WHOLE_SHARE, PIXELS = range(4)  # a whole share may be the first pixel of an image


def stray_shares(where: str, boxes: Numbers, name: Callable[[int], str]) -> NDArray[np.int64]:
    """Indices of the boxes that are shares of the image, in a file of boxes in pixels.

    Most boxes decide what the others should be, so that a wrong row does not change it.

    Args:
        where: name of the file in the message.
        boxes: (N, 4) as (x1, y1, x2, y2), those of all images.
        name: function that names the row of a box.
    Raises:
        DataError: if most boxes are shares of the image.
    """
    kinds = _kinds(boxes)
    shares, whole, pixels = (int((kinds == kind).sum()) for kind in (SHARE, WHOLE_SHARE, PIXELS))
    if not pixels and shares + whole:
        raise DataError(
            f"{where}: every corner is in 0..1, so they are shares of the image; write them in "
            "pixels."
        )
    if shares > pixels:
        other = name(int(np.argmax(kinds == PIXELS))).removeprefix(f"{where}: ")
        raise DataError(
            f"{where}: {shares + whole:,} of {shares + whole + pixels:,} boxes have every corner "
            "in 0..1, so they are shares of the image; write them in pixels (boxes beyond 0..1: "
            f"{pixels:,}, such as {other})."
        )
    return np.flatnonzero(kinds == SHARE)


def _kinds(boxes: Numbers) -> NDArray[np.int8]:
    """(N,): what each box is; NaN is not looked at, and a box of zeros is neither."""
    kinds = np.full(len(boxes), NEITHER, dtype=np.int8)
    for first in range(0, len(boxes), BLOCK):
        some, own = boxes[first : first + BLOCK], kinds[first : first + BLOCK]
        x1, y1, x2, y2 = some.T
        least = np.fmin(np.fmin(x1, y1), np.fmin(x2, y2))
        most = np.fmax(np.fmax(x1, y1), np.fmax(x2, y2))
        own[(least < 0) | (most > 0)] = PIXELS
        inside = np.flatnonzero((least >= -MARGIN) & (most > 0) & (most <= 1 + MARGIN))
        is_whole = (some[inside] == np.rint(some[inside])).all(1)
        own[inside] = np.where(is_whole, WHOLE_SHARE, SHARE)
    return kinds
