"""Any number of images through a model, whatever batch it was made for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from maenas.detector.arrays import Floats
from maenas.detector.errors import ModelError

Outputs = tuple[Floats, Floats]


def in_batches(
    images: Floats,
    in_shape: tuple[int, int, int],
    batch: int | None,
    run: Callable[[Floats], Outputs],
) -> Outputs:
    """What `run` gives for all images, checked and cut to batches it can take.

    Args:
        images: (B, 3, H, W).
        in_shape: (channels, height, width) the model wants.
        batch: the model was made for, None if it takes any; the last one is filled with zeros.
        run: scores and boxes of one batch.
    Raises:
        ModelError: for images of another shape.
    """
    if images.ndim != 4 or images.shape[1:] != in_shape or not len(images):
        raise ModelError(
            f"images: the model wants (B, {', '.join(map(str, in_shape))}), "
            f"got {tuple(images.shape)}."
        )
    images = np.ascontiguousarray(images, dtype=np.float32)
    count = len(images)
    if batch is None or count == batch:
        return run(images)
    missing = -count % batch
    filled = np.concatenate((images, np.zeros((missing, *in_shape), np.float32)))
    found = [run(filled[start : start + batch]) for start in range(0, count, batch)]
    scores, boxes = (np.concatenate(parts)[:count] for parts in zip(*found, strict=True))
    return scores, boxes
