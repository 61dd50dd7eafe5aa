"""Non-maximum suppression, one class at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision import ops

MAX_CANDIDATES = 30_000  # pairs of box and class that enter; more only cost time
# Candidates that are suppressed in one call: a call takes longer than a small class, and the time
# of a call grows with the square.
TOGETHER = 1_500


class Detections(NamedTuple):
    """What was found in one image, best first.

    Attributes:
        boxes: (K, 4) as (x1, y1, x2, y2) in pixels.
        scores: (K,).
        classes: (K,), indices.
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor


def nms(
    scores: Tensor,
    boxes: Tensor,
    min_score: float = 0.05,
    max_iou: float = 0.7,
    max_detections: int = 500,
) -> Detections:
    """The best boxes of each class that overlap no better one of it.

    Every pair of position and class above `min_score` is a candidate, so one box may be found as
    several classes. Of equal scores the lower class comes first, then the earlier position.

    All but the overlaps is left to numpy. Torch shares such small work among threads and waits
    for all of them: fifty times as long where another program, or the runtime of the network,
    keeps the cores busy (see benchmarks/bench_detect.py).

    Args:
        scores: (N, num_classes).
        boxes: (N, 4) as (x1, y1, x2, y2).
        min_score: candidates score more.
        max_iou: overlap beyond which the worse of two boxes of a class goes.
        max_detections: most boxes kept.
    Returns:
        Tensors on the device of the scores.
    """
    all_scores, all_boxes = scores.detach().cpu().numpy(), boxes.detach().cpu().numpy()
    pairs = np.flatnonzero(all_scores.ravel() > min_score)  # in half the time of one by axes
    position, label = np.divmod(pairs, all_scores.shape[1])
    found = all_scores[position, label]
    if len(found) > MAX_CANDIDATES:
        best = np.sort(np.argpartition(-found, MAX_CANDIDATES)[:MAX_CANDIDATES])
        position, label, found = position[best], label[best], found[best]
    candidates = all_boxes[position]
    apart, wide = _apart(candidates, label), found.astype(np.float64)
    kept = np.concatenate(
        [
            group[ops.nms(*map(torch.from_numpy, (apart[group], wide[group])), max_iou).numpy()]
            for group in _groups(label)
        ]
    )
    order = np.lexsort((kept, label[kept], -found[kept]))
    best_first = kept[order[:max_detections]]
    parts = (torch.from_numpy(part[best_first]) for part in (candidates, found, label))
    return Detections(*(part.to(scores.device) for part in parts))


def _groups(label: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Candidates to suppress in one call each: all of some classes, in their order."""
    if len(label) <= TOGETHER:
        yield np.arange(len(label))
        return
    by_class = np.argsort(label, kind="stable")
    sorted_label = label[by_class]
    first = np.searchsorted(sorted_label, sorted_label)  # of the class of each
    borders = np.flatnonzero(np.diff(first // TOGETHER)) + 1
    yield from np.split(by_class, borders)


def _apart(boxes: NDArray[Any], label: NDArray[np.int64]) -> NDArray[np.float64]:
    """The boxes, each class moved to where it meets no other, in 64 bits so that none changes."""
    wide = boxes.astype(np.float64)
    span = np.ptp(wide) + 1 if len(wide) else 1
    moved: NDArray[np.float64] = wide + span * label[:, None]
    return moved
