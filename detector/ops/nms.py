"""Non-maximum suppression, one class at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MAX_CANDIDATES = 30_000  # pairs of box and class that enter NMS, which limits its time
# Approximate number of candidates of one NMS call. Small classes share a call, since each call has
# a fixed cost; not all share one, since its time grows with the square of the candidates.
TOGETHER = 1_500


class Detections(NamedTuple):
    """Detections of one image, most confident first.

    Attributes:
        boxes: (K, 4) as (x1, y1, x2, y2) in pixels.
        scores: (K,), confidence, 0..1.
        classes: (K,), class indices.
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
    """Non-maximum suppression of each class.

    Every pair of anchor point and class above `min_score` is a candidate, so a box may be kept for
    several classes. At equal scores the lower class comes first, then the earlier anchor point.

    On a CPU, NumPy computes everything except the overlaps. PyTorch splits such small work among
    threads and waits for all of them: fifty times as long where another program, or the runtime of
    the network, keeps the cores busy (see benchmarks/bench_detect.py). On a GPU, all of it is
    computed there, since the scores of all anchor points are a hundred times what is kept.

    Args:
        scores: (N, num_classes), confidence.
        boxes: (N, 4) as (x1, y1, x2, y2) in pixels.
        min_score: confidence threshold; candidates score more.
        max_iou: NMS IoU threshold, 0..1; with 1, the candidates of highest confidence are kept.
        max_detections: maximum number of detections.
    Returns:
        Tensors on the device of the scores.
    """
    if scores.device.type != "cpu":
        return _nms_there(scores.detach(), boxes.detach(), min_score, max_iou, max_detections)
    from torchvision import ops  # takes as long to load as torch

    all_scores, all_boxes = scores.detach().numpy(), boxes.detach().numpy()
    pairs = np.flatnonzero(all_scores.ravel() > min_score)  # half the time of a search by axes
    position, label = np.divmod(pairs, all_scores.shape[1])
    found = all_scores[position, label]
    if len(found) > MAX_CANDIDATES:
        best = np.sort(np.argpartition(-found, MAX_CANDIDATES)[:MAX_CANDIDATES])
        position, label, found = position[best], label[best], found[best]
    candidates = all_boxes[position]
    if max_iou >= 1:
        best = np.lexsort((position, label, -found))[:max_detections]
        parts = (torch.from_numpy(part[best]) for part in (candidates, found, label))
        return Detections(*parts)
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
    return Detections(*parts)


def load_operators() -> None:
    """Load what `nms` loads at its first call, so that no measured time includes it."""
    import torchvision.ops  # noqa: F401


def _nms_there(
    scores: Tensor, boxes: Tensor, min_score: float, max_iou: float, max_detections: int
) -> Detections:
    """The same detections in the same order, computed on the device of the scores."""
    from torchvision import ops

    pairs = (scores.flatten() > min_score).nonzero().squeeze(1)
    position, label = pairs // scores.shape[1], pairs % scores.shape[1]
    found = scores.flatten()[pairs]
    if len(found) > MAX_CANDIDATES:
        best = found.topk(MAX_CANDIDATES).indices.sort().values
        position, label, found = position[best], label[best], found[best]
    candidates = boxes[position]
    if max_iou >= 1:
        kept = label.argsort(stable=True)  # ties: by class, then by anchor point
        kept = kept[found[kept].argsort(descending=True, stable=True)][:max_detections]
        return Detections(candidates[kept], found[kept], label[kept])
    apart = candidates.double()
    if len(apart):
        apart = apart + (apart.max() - apart.min() + 1) * label[:, None]
    kept = ops.nms(apart, found.double(), max_iou).sort().values
    kept = kept[label[kept].argsort(stable=True)]  # ties: by class, then by anchor point
    kept = kept[found[kept].argsort(descending=True, stable=True)][:max_detections]
    return Detections(candidates[kept], found[kept], label[kept])


def _groups(label: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Indices of the candidates of each NMS call: whole classes, in their order."""
    if len(label) <= TOGETHER:
        yield np.arange(len(label))
        return
    by_class = np.argsort(label, kind="stable")
    sorted_label = label[by_class]
    first = np.searchsorted(sorted_label, sorted_label)  # first index of each candidate's class
    borders = np.flatnonzero(np.diff(first // TOGETHER)) + 1
    yield from np.split(by_class, borders)


def _apart(boxes: NDArray[Any], label: NDArray[np.int64]) -> NDArray[np.float64]:
    """The boxes in float64, each class shifted so that boxes of different classes never overlap."""
    wide = boxes.astype(np.float64)
    span = np.ptp(wide) + 1 if len(wide) else 1
    moved: NDArray[np.float64] = wide + span * label[:, None]
    return moved
