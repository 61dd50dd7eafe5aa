"""Proof of the kind of YOLO label rows, from their numbers alone.

A polygon and a box with keypoints may have equally many numbers, also where the rows of a set
differ in length. The numbers prove a kind only if they cannot be read as a box with keypoints, or
as a box with score and track id. Since a few labels of every set are damaged, one row in ten has to
be such a proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, isfinite

from maenas.detector.data.readers.clean import OVERHANG

CORNERS = 9  # fields of an oriented box: class and four points
BOX = 4  # numbers of a box
PROVING = 0.1  # share of the rows that must be no box
FAR = 1.0  # sides of the box; keypoints further outside do not belong to it
SKEW = 0.005  # share of the image; rounding moves a corner this far
SLANT = 0.1  # cosine of the smallest angle that counts as a right angle
SEEN = 2.0  # largest third number of a keypoint, its visibility


class RowProof:
    """Counts the rows with more numbers than a box that prove polygons or oriented boxes."""

    def __init__(self) -> None:
        self._lengths: dict[int, int] = {}  # first row by number of fields
        self._rows = 0
        self._no_box = 0  # rows that are no box with anything far around it
        self._no_close_box = 0  # rows that are no box with keypoints inside it
        self._rectangles = 0

    def add(self, row: int, values: Sequence[float]) -> None:
        """Add the numbers behind the class of a row."""
        self._lengths.setdefault(len(values) + 1, row)
        self._rows += 1
        if not all(map(isfinite, values)):
            return
        self._no_box += not may_be_box(values, FAR)
        if len(values) == CORNERS - 1 and is_rectangle(values):
            self._rectangles += 1
            self._no_close_box += not may_be_box(values, OVERHANG)

    def lengths(self) -> set[int]:
        """Numbers of fields of the rows."""
        return set(self._lengths)

    def ambiguous(self) -> int | None:
        """Index of the first row if the rows do not prove what they are; None if they do."""
        several = len(self._lengths) > 1
        polygons = several and self._no_box >= PROVING * self._rows
        rectangles = self._rectangles == self._rows
        if polygons or (rectangles and self._no_close_box >= PROVING * self._rows):
            return None
        return next(iter(self._lengths.values()), None)


def may_be_box(values: Sequence[float], margin: float) -> bool:
    """Whether numbers may be a box with keypoints, or with score and track id.

    Args:
        values: numbers behind the class.
        margin: sides of the box by which a keypoint may lie outside it.
    """
    if not _is_box(values):
        return False
    rest = values[BOX:]
    tails = [0]
    if any(value.is_integer() for value in rest[-2:]):
        tails.append(2)  # a score and a track id, in either order
    return any(
        _are_keypoints(values, rest[: len(rest) - tail], step, margin)
        for tail in tails
        for step in (2, 3)
    )


def keypoints_of(values: Sequence[float]) -> str | None:
    """The `kpt_shape` of a row that looks like a box with keypoints; None for other rows."""
    rest = values[BOX:]
    if not rest or not all(map(isfinite, values)) or not _is_box(values):
        return None
    third = all(0 <= value <= SEEN for value in rest[2::3])
    for step in (3, 2):
        shares = [value for index, value in enumerate(rest) if step == 2 or index % 3 < 2]
        inside = all(-OVERHANG <= value <= 1 + OVERHANG for value in shares)
        if len(rest) % step == 0 and inside and (step == 2 or third):
            return f"kpt_shape: [{len(rest) // step}, {step}]"
    return None


def is_rectangle(values: Sequence[float]) -> bool:
    """Whether four corners in order form a rectangle with an area, in an image of any shape.

    In shares of the image a turned rectangle is a parallelogram, and the products of its sides
    along x and along y have opposite signs, whatever the width and height of the image are.
    """
    x1, y1, x2, y2, x3, y3, x4, y4 = values
    if max(abs(x1 + x3 - x2 - x4), abs(y1 + y3 - y2 - y4)) > SKEW:
        return False
    a, b = (x2 - x1, y2 - y1), (x3 - x2, y3 - y2)
    long, short = hypot(*a), hypot(*b)
    if abs(a[0] * b[1] - a[1] * b[0]) <= SLANT * long * short:
        return False  # without an area
    along_x, along_y = a[0] * b[0], a[1] * b[1]
    slack = SLANT * long * short + SKEW * max(long, short)
    return along_x * along_y <= 0 or abs(along_x + along_y) <= slack


def _is_box(values: Sequence[float]) -> bool:
    """Whether the first numbers are a box inside the image."""
    x, y, width, height = values[:BOX]
    return all(
        centre - side / 2 >= -OVERHANG and centre + side / 2 <= 1 + OVERHANG and side >= 0
        for centre, side in ((x, width), (y, height))
    )


def _are_keypoints(box: Sequence[float], rest: Sequence[float], step: int, margin: float) -> bool:
    """Whether numbers are keypoints of 2 or 3 numbers around a box; unseen ones lie anywhere."""
    if len(rest) % step:
        return False
    x, y, width, height = box[:BOX]
    reach = 0.5 + margin
    for index in range(0, len(rest), step):
        point = rest[index : index + step]
        unseen = point[-1] == 0 if step == 3 else point[0] == point[1] == 0
        if unseen:
            continue
        if abs(point[0] - x) > reach * width + SKEW or abs(point[1] - y) > reach * height + SKEW:
            return False
    return True
