"""Labels as files have them -> labels one can train on, and what was wrong with the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maenas.detector.arrays import Floats
from maenas.detector.data.dataset import Group, Problem, Severity
from maenas.detector.data.labelled import Flags, Labels, Outline

Numbers = NDArray[np.float64]

OVERHANG = 0.01  # share of a side that rounding may put a box beyond the image without a word


@dataclass(frozen=True, slots=True)
class Raw:
    """The labels of one image as its file has them.

    Attributes:
        boxes: (N, 4) as (x1, y1, x2, y2) in pixels; whatever numbers the file has.
        labels: (N,).
        crowd: (N,).
        areas: (N,); NaN where the file does not say.
        outlines: of each object, or ().
        where: of each object: the file with its line or id.
    """

    boxes: Numbers
    labels: Labels
    crowd: Flags
    areas: Numbers
    outlines: tuple[Outline, ...]
    where: Sequence[str]


def clean(
    raw: Raw, size: tuple[int, int], names: Sequence[str], problems: list[Problem]
) -> tuple[Floats, Labels, Flags, Floats, tuple[Outline, ...]]:
    """Boxes, labels, crowd flags, areas and outlines that can be used.

    Args:
        raw: the labels.
        size: (height, width) of the image.
        names: of the classes.
        problems: gets one entry for each label dropped or cut.
    """
    kept = np.ones(len(raw.labels), dtype=bool)

    def drop(wrong: Any, what: str, fix: str, severity: Severity = "error") -> None:
        for index in np.flatnonzero(wrong & kept).tolist():
            problems.append(label_problem(raw.where[index], what, fix, severity))
        kept[wrong] = False

    height, width = size
    if len(raw.labels) == 0:
        return raw.boxes.astype(np.float32), raw.labels, raw.crowd, raw.areas.astype(np.float32), ()
    drop(~np.isfinite(raw.boxes).all(1), "holds a number that is not finite", "write it anew")
    known = f"there are {len(names)} classes, 0 to {len(names) - 1}"
    for index in np.flatnonzero((raw.labels < 0) | (raw.labels >= len(names))).tolist():
        alone = np.arange(len(kept)) == index
        drop(alone, f"class {raw.labels[index]} does not exist", f"{known}; correct it or `names`")
    boxes = np.where(kept[:, None], raw.boxes, 0)
    x1, y1, x2, y2 = boxes.T
    drop((x2 <= x1) | (y2 <= y1), "has a width or height of zero or less", "delete or redraw it")
    outside = (x2 <= 0) | (y2 <= 0) | (x1 >= width) | (y1 >= height)
    drop(outside, f"lies outside the image of {width}x{height}", "delete it, or check its units")
    cut = np.clip(boxes, 0, (width, height, width, height))
    beyond = np.abs(cut - boxes).max(1) > OVERHANG * max(size)
    for index in np.flatnonzero(beyond & kept).tolist():
        what = f"reaches beyond the image of {width}x{height} and was cut"
        problems.append(label_problem(raw.where[index], what, "redraw it", "warning"))
    drop(_repeated(cut, raw.labels, kept), "is there twice", "delete one of them", "warning")
    sides = cut[:, 2:] - cut[:, :2]
    areas = np.where(np.isfinite(raw.areas), raw.areas, sides[:, 0] * sides[:, 1])
    outlines = tuple(o for o, k in zip(raw.outlines, kept, strict=False) if k)
    return (
        np.ascontiguousarray(cut[kept], dtype=np.float32),
        raw.labels[kept],
        raw.crowd[kept],
        areas[kept].astype(np.float32),
        outlines if any(outlines) else (),
    )


def is_lost(image: str, count: int, problems: list[Problem], before: int) -> bool:
    """Whether an image has lost all its labels, so that it would pass for background.

    Args:
        image: its path.
        count: of the labels left.
        problems: gets one more if so.
        before: how many problems there were before its labels were read.
    """
    if count or not any(problem.severity == "error" for problem in problems[before:]):
        return False
    what, fix = "none of its labels can be used, so it is left out", "mend its labels"
    problems.append(label_problem(image, what, fix))
    return True


def label_problem(where: str, what: str, fix: str, severity: Severity = "error") -> Problem:
    """A problem of a label."""
    group: Group = "labels"
    return Problem(severity, group, where, what, fix)


def _repeated(boxes: Numbers, labels: Labels, kept: Flags) -> Flags:
    """(N,): whether the same box of the same class came before."""
    rows = np.column_stack((labels, boxes))
    again = np.zeros(len(rows), dtype=bool)
    places = np.flatnonzero(kept)
    if len(places) > 1:
        _, first = np.unique(rows[places], axis=0, return_index=True)
        again[np.delete(places, first)] = True
    return again
