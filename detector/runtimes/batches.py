"""Any number of pictures through a model, whatever batch it was made for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from detector.errors import ModelError
from detector.runtimes.runtime import Floats

Outputs = tuple[Floats, Floats]


def in_batches(
    pictures: Floats,
    in_shape: tuple[int, int, int],
    batch: int | None,
    run: Callable[[Floats], Outputs],
) -> Outputs:
    """What `run` gives for all pictures, checked and cut to batches it can take.

    Args:
        pictures: (B, 3, H, W).
        in_shape: (channels, height, width) the model wants.
        batch: the model was made for, None if it takes any; the last one is filled with zeros.
        run: scores and boxes of one batch.
    Raises:
        ModelError: for pictures of another shape.
    """
    if pictures.ndim != 4 or pictures.shape[1:] != in_shape or not len(pictures):
        raise ModelError(
            f"pictures: the model wants (B, {', '.join(map(str, in_shape))}), "
            f"got {tuple(pictures.shape)}."
        )
    pictures = np.ascontiguousarray(pictures, dtype=np.float32)
    count = len(pictures)
    if batch is None or count == batch:
        return run(pictures)
    missing = -count % batch
    filled = np.concatenate((pictures, np.zeros((missing, *in_shape), np.float32)))
    found = [run(filled[start : start + batch]) for start in range(0, count, batch)]
    scores, boxes = (np.concatenate(parts)[:count] for parts in zip(*found, strict=True))
    return scores, boxes
