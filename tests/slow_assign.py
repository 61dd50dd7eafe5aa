"""What plain implementations of assigners share: one image, one object after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from maenas.detector.assign.assigner import Assigner
from maenas.testing.scenes import Scene

Array = NDArray[Any]


class Image(NamedTuple):
    """Everything about one image, in float64.

    Attributes:
        scores: (N, C) in 0..1.
        boxes: (N, 4), predicted.
        points: (N, 2).
        strides: (N,).
        objects: slot, box and label of each object that is to be found.
        annotated: (C,), whether a class is annotated in the image.
    """

    scores: Array
    boxes: Array
    points: Array
    strides: Array
    objects: list[tuple[int, Array, int]]
    annotated: Array


Slow = Callable[[Image], dict[int, int]]  # prior -> slot of its object


def images_of(batch: Scene) -> list[Image]:
    logits, boxes = (part.double().numpy() for part in batch.predictions)
    points, strides = (part.double().numpy() for part in batch.priors)
    targets = batch.targets
    known = targets.annotated
    return [
        Image(
            1 / (1 + np.exp(-logits[index])),
            boxes[index],
            points,
            strides,
            [
                (
                    position,
                    targets.boxes[index, position].double().numpy(),
                    int(targets.labels[index, position]),
                )
                for position in targets.objects[index].nonzero().flatten().tolist()
            ],
            np.ones(logits.shape[-1], bool) if known is None else known[index].numpy(),
        )
        for index in range(len(logits))
    ]


def partly_annotated(batch: Scene, seed: int) -> Scene:
    """The batch with two or three of five classes annotated in each image."""
    rng = np.random.default_rng(seed)
    order = rng.random(batch.predictions.logits[:, 0].shape).argsort(axis=1)
    known = torch.from_numpy(order < rng.integers(2, 4, (len(order), 1)))
    return replace(batch, targets=batch.targets._replace(annotated=known))


def matches_of(assigner: Assigner, batch: Scene) -> list[dict[int, int]]:
    """What an assigner of ours matches in each image."""
    matched = assigner(batch.predictions, batch.priors, batch.targets).matched
    return [{n: int(row[n]) for n in (row >= 0).nonzero().flatten().tolist()} for row in matched]


def qualities_of(assigner: Assigner, batch: Scene) -> list[dict[int, float]]:
    """The quality of what it matches."""
    matched, quality, _ = assigner(batch.predictions, batch.priors, batch.targets)
    return [
        {n: float(values[n]) for n in (row >= 0).nonzero().flatten().tolist()}
        for row, values in zip(matched, quality, strict=True)
    ]


def slow_iou(box: Array, others: Array) -> Array:
    """(4,) against (N, 4) -> (N,)."""
    width = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    height = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    shared = width.clip(0) * height.clip(0)
    areas = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1)
    return shared / (areas - shared).clip(1e-6)


def slow_dynamic_k(
    image: Image, class_cost: Callable[[Array, int, Array], Array]
) -> dict[int, int]:
    """Dynamic k with the published numbers; the cost of a class is `f(scores, label, iou)`."""
    points = image.points
    ious, ranks, costs, own = {}, {}, {}, {}
    for index, box, label in image.objects:
        in_box = ((points > box[:2]) & (points < box[2:])).all(axis=1)
        off = np.abs(points - (box[:2] + box[2:]) / 2).max(axis=1)
        in_centre = off < 2.5 * image.strides
        own[index] = in_box | in_centre
        ious[index] = slow_iou(box, image.boxes)
        ranks[index] = np.where(in_box & in_centre, 0, 1)
        classes = [c for c, known in enumerate(image.annotated) if known or c == label]
        cost = class_cost(image.scores[:, classes], classes.index(label), ious[index])
        costs[index] = cost - 3 * np.log(ious[index] + 1e-7)
    candidates = np.flatnonzero(np.any([*own.values()], axis=0)) if own else np.zeros(0, int)
    inside = [index for index, near in own.items() if near.any()]
    takers: dict[int, list[int]] = {}
    for index in inside:
        k = max(1, int(np.sort(ious[index][candidates])[-10:].sum()))
        order = np.lexsort((costs[index][candidates], ranks[index][candidates]))
        for prior in candidates[order[:k]].tolist():
            takers.setdefault(prior, []).append(index)
    return {
        prior: by[0]
        if len(by) == 1
        else min(inside, key=lambda index: (ranks[index][prior], costs[index][prior]))
        for prior, by in takers.items()
    }
