"""Parsing of YOLO label rows: boxes, polygons, keypoints or oriented boxes.

The number of fields does not decide the kind: seven fields are a triangle, or a box with a score
and a track id. Either `data.yaml` gives the kind (`kpt_shape` or `label_rows`), or the rows prove
it (`row_proof.py`).
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path
from typing import Any, Literal

from maenas.blocks.files.words import did_you_mean, shown
from maenas.detector.data.dataset import DataError
from maenas.detector.data.readers.clean import OVERHANG
from maenas.detector.data.readers.rows import OutlineColumns
from maenas.detector.data.readers.values import whole
from maenas.detector.data.readers.yolo.row_proof import (
    CORNERS,
    SEEN,
    RowProof,
    keypoints_of,
)

Kind = Literal["box", "polygon", "pose", "oriented"]
KINDS: tuple[Kind, ...] = ("box", "polygon", "pose", "oriented")
KEY = "label_rows"
BOX_FIELDS = 5
MIN_OUTLINE_FIELDS = 7  # class and three points
MAX_CLASS = 10**9  # larger than any class list, and within int32
MAX_KEYPOINTS = 10_000
FIX = "correct or delete the line"


@dataclass(frozen=True, slots=True)
class RowForm:
    """Format of the label rows of a data set.

    Attributes:
        kind: kind of rows; None if `data.yaml` does not give it.
        fields: number of fields per row with keypoints; 0 for other kinds.
        step: numbers per keypoint: x, y and perhaps visibility; 0 for other kinds.
    """

    kind: Kind | None
    fields: int = 0
    step: int = 0


class RowError(ValueError):
    """A row cannot be used; the message says why, and `fix` what to do."""

    def __init__(self, what: str, fix: str = FIX) -> None:
        super().__init__(what)
        self.fix = fix


def row_form(path: Path, keys: Mapping[str, Any]) -> RowForm:
    """The row format that `data.yaml` gives.

    Raises:
        DataError: if the format is invalid.
    """
    kind, shape = keys.get(KEY), keys.get("kpt_shape")
    if kind is not None and kind not in KINDS:
        raise DataError(f"{path}: {KEY}: is {shown(kind)}{did_you_mean(str(kind), KINDS)}")
    if shape is None:
        if kind == "pose":
            raise DataError(f"{path}: {KEY}: pose needs `kpt_shape: [KEYPOINTS, 2 or 3]`.")
        return RowForm(kind)
    sides = [whole(side) for side in shape] if isinstance(shape, list) else []
    if len(sides) != 2 or sides[1] not in (2, 3) or not 0 < (sides[0] or 0) <= MAX_KEYPOINTS:
        raise DataError(f"{path}: kpt_shape: must be [KEYPOINTS, 2 or 3], got {shown(shape)}.")
    if kind not in (None, "pose"):
        raise DataError(f"{path}: {KEY}: is {kind}, but kpt_shape says pose; drop one of them.")
    count, step = sides[0] or 0, sides[1] or 0
    return RowForm("pose", BOX_FIELDS + count * step, step)


class YoloRows:
    """Collects the rows of all label files of a split in columns.

    Attributes:
        image: image index of each row.
        line: line number of each row in its file.
        labels: class index of each row.
        boxes: x1, y1, x2, y2 of each row in shares of the image.
        outlines: outlines in shares of the image.
        keypoints: number of rows whose keypoints were dropped.
    """

    def __init__(self, form: RowForm) -> None:
        self.form = form
        self.image, self.line, self.labels = array("q"), array("q"), array("q")
        self.boxes = array("d")
        self.outlines = OutlineColumns()
        self.keypoints = 0
        self._proof = RowProof()

    def add(self, image: int, line: int, text: str) -> None:
        """Add a row.

        Raises:
            RowError: if the row does not have the given format.
        """
        fields = text.split()
        try:
            if "_" in text or not text.isascii():  # Python reads 0_5 as 5
                raise ValueError(text)
            label, values = _class_of(fields[0]), [float(field) for field in fields[1:]]
        except ValueError:
            raise RowError(
                f"is not `class x y width height` in numbers: {text.strip()[:60]!r}"
            ) from None
        count, kind = len(fields), self.form.kind
        if count == BOX_FIELDS or (kind == "pose" and count == self.form.fields):
            x, y, w, h = values[:4]
            _require_shares(values[:4])
            _require_keypoints(values[4:], self.form.step)
            self.keypoints += count > BOX_FIELDS
            self.boxes.extend((x - w / 2, y - h / 2, x + w / 2, y + h / 2))
            self.outlines.add(())
        else:
            self._require_outline(count, values)
            xs, ys = values[::2], values[1::2]
            finite = all(map(isfinite, values))
            box = (min(xs), min(ys), max(xs), max(ys)) if finite else (nan,) * 4
            self.boxes.extend(box)
            self.outlines.add((values,))
            if kind is None:
                self._proof.add(len(self.labels), values)
        self.image.append(image)
        self.line.append(line)
        self.labels.append(label)

    def ambiguous(self) -> int | None:
        """Index of a row whose kind is undecided; None if every row's kind is known."""
        return self._proof.ambiguous()

    def may_be_oriented(self) -> bool:
        """Whether every row that is undecided has the number of fields of an oriented box."""
        return self._proof.lengths() == {CORNERS}

    def _require_outline(self, count: int, values: Sequence[float]) -> None:
        kind = self.form.kind
        if kind == "pose":
            raise RowError(
                f"has {count} fields, `kpt_shape` asks for {BOX_FIELDS} or {self.form.fields}"
            )
        if kind == "oriented" and count != CORNERS:
            raise RowError(f"has {count} fields, an oriented box has {CORNERS}")
        outlined = count >= MIN_OUTLINE_FIELDS and count % 2 == 1
        if kind == "polygon" and not outlined:
            raise RowError(
                f"has {count} fields, a polygon has a class and x, y of three points or more: "
                "7, 9, 11 and so on"
            )
        try:
            if kind == "box" or not outlined:
                raise RowError(f"has {count} fields, a box has {BOX_FIELDS}{_extra(count)}")
            _require_shares(values)
        except RowError as error:
            raise (_unlike(count, values) if kind is None else None) or error from None


def _unlike(count: int, values: Sequence[float]) -> RowError | None:
    """Error of a row that can be no polygon, if it is like a box with something behind it."""
    keypoints = keypoints_of(values)
    if keypoints is not None:
        what = f"has {count} fields, a box has {BOX_FIELDS} (keypoints?)"
        return RowError(what, f"if it is a box with keypoints, say `{keypoints}` in data.yaml")
    if count == BOX_FIELDS + 2:
        return RowError(f"has {count} fields, a box has {BOX_FIELDS}{_extra(count)}")
    return None


def _extra(count: int) -> str:
    """Likely meaning of the fields after a box, for a message."""
    names = {6: " (a score, a track id or an angle?)", 7: " (a score and a track id?)"}
    return names.get(count, "")


def _require_shares(values: Sequence[float]) -> None:
    for value in values:
        if isfinite(value) and not -OVERHANG <= value <= 1 + OVERHANG:
            raise RowError(
                f"holds {value:g}, but coordinates are shares of the image, 0 to 1 (are these "
                "pixels?)"
            )


def _require_keypoints(values: Sequence[float], step: int) -> None:
    """Raise `RowError` unless numbers behind a box are keypoints; unseen ones may lie anywhere."""
    for index in range(0, len(values), max(1, step)):
        point, seen = values[index : index + 2], values[index + 2 : index + step]
        if seen and not 0 <= seen[0] <= SEEN:
            raise RowError(
                f"holds {seen[0]:g} as visibility of keypoint {index // step + 1}, which is 0, 1 "
                "or 2 (does `kpt_shape` fit?)"
            )
        if not seen or seen[0] > 0:
            _require_shares(point)


def _class_of(text: str) -> int:
    """Class index, written as an integer or, by some tools, as 1.0."""
    number = float(text)
    if not number.is_integer() or abs(number) > MAX_CLASS:
        raise ValueError(text)
    return int(number)
