"""Any number of images through a model, whatever batch it was made for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from maenas.detector.arrays import Floats
from maenas.detector.errors import ModelError

Outputs = tuple[Floats, ...]  # the first axis of each is the batch


def in_batches(
    images: Floats,
    in_shape: tuple[int, int, int],
    batch: int | None,
    run: Callable[[Floats], Outputs],
) -> Outputs:
    """Outputs of `run` for all images, which are checked and cut to batches that it can take.

    Args:
        images: (B, 3, H, W).
        in_shape: (channels, height, width) of the model's input.
        batch: batch size that the model was made for, None for any; the last batch is filled
            with zeros.
        run: gives the outputs of one batch.
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
    return tuple(np.concatenate(parts)[:count] for parts in zip(*found, strict=True))
