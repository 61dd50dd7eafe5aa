"""How many objects of each size a detector finds, at one confidence threshold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from math import inf

import numpy as np

from maenas.detector.evaluate.evaluate import Seen
from maenas.detector.evaluate.matching import match

# Sides of a square of the same area, in pixels of the image; COCO's limits are 32 and 96.
EDGES = (0.0, 8.0, 16.0, 32.0, 64.0, 96.0, 192.0, inf)


@dataclass(frozen=True, slots=True)
class SizeCount:
    """Objects of one range of sizes.

    Attributes:
        name: range of the side of a square of the same area, such as "32-64".
        right: number of objects that are found.
        confused: number of objects that are found as another class.
        missed: number of objects that are not found.
    """

    name: str
    right: int
    confused: int
    missed: int

    @property
    def objects(self) -> int:
        """Number of objects."""
        return self.right + self.confused + self.missed


def size_counts(seen: Iterable[Seen], min_score: float) -> list[SizeCount]:
    """Counts of each range of sizes; ranges beyond the smallest and largest object are left out.

    Args:
        seen: images with their ground truth and detections.
        min_score: confidence threshold, 0..1.
    """
    counts = np.zeros((3, len(EDGES) - 1), dtype=np.int64)
    for each in seen:
        matching = match(each.sample, each.found, min_score)
        truths = (
            [truth for truth, _ in matching.right],
            [truth for truth, _ in matching.confused],
            list(matching.missed),
        )
        boxes = each.sample.boxes
        sides = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
        bins = np.digitize(sides, EDGES[1:-1])
        for row, indices in zip(counts, truths, strict=True):
            np.add.at(row, bins[indices], 1)
    used = np.flatnonzero(counts.sum(0))
    if not len(used):
        return []
    names = [f"{a:g}-{b:g}" if b < inf else f"over {a:g}" for a, b in pairwise(EDGES)]
    return [
        SizeCount(names[index], *counts[:, index].tolist())
        for index in range(int(used[0]), int(used[-1]) + 1)
    ]
