"""Raw labels of all images of a split, in columns."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maenas.detector.data.dataset import DataProblem, Group
from maenas.detector.data.labelled import Flags, Labels
from maenas.detector.data.samples import Outlines

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Raw labels, one per row.

    Attributes:
        image: (N,), index of the image.
        boxes: (N, 4) as (x1, y1, x2, y2) in pixels, unchecked.
        labels: (N,), indices of the classes; `EVERY_CLASS` for a crowd of any class.
        crowd: (N,), whether a box is a region to ignore.
        areas: (N,), square pixels; NaN where the file gives none.
        outlines: outlines of all objects, in pixels.
        where: function that names the file of a row, with line or id.
    """

    image: NDArray[np.int64]
    boxes: Numbers
    labels: Labels
    crowd: Flags
    areas: Numbers
    outlines: Outlines
    where: Callable[[int], str]

    def take(self, order: NDArray[np.int64]) -> Rows:
        """The rows at these indices, in this order."""
        if np.array_equal(order, np.arange(len(self.labels))):
            return self
        where = self.where
        return Rows(
            self.image[order],
            self.boxes[order],
            self.labels[order],
            self.crowd[order],
            self.areas[order],
            self.outlines.take(order),
            lambda row: where(int(order[row])),
        )


def box_rows(
    image: ArrayLike,
    boxes: ArrayLike,
    labels: ArrayLike,
    where: Callable[[int], str],
    crowd: ArrayLike | None = None,
) -> Rows:
    """Rows of a format that states boxes, but neither areas nor outlines.

    Args:
        image: (N,), index of the image.
        boxes: (N, 4) as (x1, y1, x2, y2) in pixels, or their 4 N values.
        labels: (N,), indices of the classes; `EVERY_CLASS` for a crowd of any class.
        where: function that names the file of a row, with line or id.
        crowd: (N,), whether a box is a region to ignore; None if none is.
    """
    images = np.asarray(image, dtype=np.int64)
    count = len(images)
    return Rows(
        images,
        np.asarray(boxes, dtype=np.float64).reshape(-1, 4),
        np.asarray(labels, dtype=np.int64),
        np.zeros(count, dtype=np.bool_) if crowd is None else np.asarray(crowd, dtype=np.bool_),
        np.full(count, np.nan),
        Outlines.none(count),
        where,
    )


class OutlineColumns:
    """Collects outlines, one object at a time."""

    def __init__(self) -> None:
        self._points, self._parts, self._objects = array("f"), array("q", [0]), array("q", [0])

    def add(self, parts: Sequence[Sequence[float]]) -> None:
        """Add the parts of one object, each as x1, y1, x2, y2 and so on; () for no outline."""
        for part in parts:
            self._points.extend(part[: len(part) // 2 * 2])
            self._parts.append(len(self._points) // 2)
        self._objects.append(len(self._parts) - 1)

    def made(self) -> Outlines:
        """All outlines, of which no further one can be added."""
        points = np.frombuffer(self._points, dtype=np.float32) if self._points else np.zeros(0)
        return Outlines(
            points.astype(np.float32, copy=False).reshape(-1, 2),
            np.frombuffer(self._parts, dtype=np.int64),
            np.frombuffer(self._objects, dtype=np.int64),
        )


class ProblemList:
    """Problems of a split, each with the index of the image that it belongs to."""

    def __init__(self) -> None:
        self._found: list[tuple[int, DataProblem]] = []

    def add(
        self,
        image: int,
        where: str | Path,
        what: str,
        fix: str,
        skips: bool = True,
        group: Group = "labels",
    ) -> None:
        """Add a problem; `skips` says whether a label or an image is skipped because of it."""
        problem = DataProblem("warning", group, str(where), what, fix, skips)
        self._found.append((image, problem))

    def add_size(self, image: int, problem: DataProblem) -> None:
        """Add the problem of an image of another size than its labels are for."""
        self._found.append((image, problem))

    def images_that_lose_labels(self, count: int) -> Flags:
        """(count,): whether a label of each image is skipped."""
        found = np.zeros(count, dtype=bool)
        for image, problem in self._found:
            if image >= 0 and problem.skips and problem.group == "labels":
                found[image] = True
        return found

    def in_order(self, paths: Sequence[Path] = ()) -> tuple[DataProblem, ...]:
        """All problems in the order of the images; those of labels name the path of the image."""
        return tuple(
            replace(problem, image=str(paths[image]))
            if 0 <= image < len(paths) and problem.group == "labels"
            else problem
            for image, problem in sorted(self._found, key=lambda each: each[0])
        )

    def first(self) -> str:
        """The first problem, worded as the end of a sentence; "" if there is none."""
        first = next(iter(self.in_order()), None)
        return f", such as {first}" if first else ""
