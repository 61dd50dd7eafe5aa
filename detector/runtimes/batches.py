"""Run any number of images through a model with a fixed or dynamic batch size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from maenas.detector.arrays import Floats
from maenas.detector.errors import ModelError

Outputs = tuple[Floats, ...]  # the first axis of each array is the batch


def in_batches(
    images: Floats,
    in_shape: tuple[int, int, int],
    batch: int | None,
    run: Callable[[Floats], Outputs],
) -> Outputs:
    """Outputs of `run` for all images, whose shape is checked and which are split into batches.

    Args:
        images: (B, C, H, W), RGB or grey as `in_shape` says, in 0..255.
        in_shape: (channels, height, width) of the model's input.
        batch: batch size of the model, None for any; the last batch is padded with zeros.
        run: function that computes the outputs of one batch.
    Raises:
        ModelError: if the images have another shape.
    """
    require_shape(images, in_shape)
    images = np.ascontiguousarray(images, dtype=np.float32)
    count = len(images)
    if batch is None or count == batch:
        return run(images)
    missing = -count % batch
    filled = np.concatenate((images, np.zeros((missing, *in_shape), np.float32)))
    found = [run(filled[start : start + batch]) for start in range(0, count, batch)]
    return tuple(np.concatenate(parts)[:count] for parts in zip(*found, strict=True))


def require_shape(images: Floats, in_shape: tuple[int, int, int]) -> None:
    """Raise `ModelError` unless there are images and they have the shape of the model's input."""
    if images.ndim != 4 or images.shape[1:] != in_shape or not len(images):
        raise ModelError(
            f"images: the model expects (B, {', '.join(map(str, in_shape))}), "
            f"got {tuple(images.shape)}."
        )
