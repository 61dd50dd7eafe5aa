"""Annotations of a COCO file, stored in columns during parsing: they are most of the file."""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterable, Mapping
from math import nan
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from maenas.blocks.files.boundary import parsing
from maenas.blocks.files.plain_file import open_file, read_bytes
from maenas.blocks.files.words import shown
from maenas.detector.data.dataset import DataError
from maenas.detector.data.readers.coco.json_stream import JsonStream, TextRows
from maenas.detector.data.readers.reading import ReadLog
from maenas.detector.data.readers.rows import OutlineColumns
from maenas.detector.data.readers.values import limit_of, real, truth, whole

KEYS = ("images", "annotations", "categories")
NEEDED = ("image_id", "bbox", "category_id")
LIMIT = 2**34  # bytes, maximum size of a file
STREAMED = 2**26  # bytes; larger files are read piece by piece
LARGEST_POINT = float(np.finfo(np.float32).max)
MIN_NUMBERS = 6  # numbers of an outline: three points
NO_KEY = -1
Key = int | str
TAKEN: Final = object()  # replaces an annotation that was moved to the columns


class Annotations:
    """Annotations in columns, with the ids of the file.

    Attributes:
        codes: code of each image id; `image` holds codes.
        category_codes: code of each category id; `category` holds codes.
        bad: unusable annotations, as (code of the image, place in the file, reason).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.codes: dict[Key, int] = {}
        self.category_codes: dict[int, int] = {}
        self.image, self.category = array("i"), array("i")
        self.boxes, self.areas, self.crowd = array("d"), array("d"), array("b")
        self.outlines = OutlineColumns()
        self.ids = array("q")
        self.odd_ids: dict[int, str] = {}
        self.bad: list[tuple[int, str, str]] = []
        self.seen = 0

    def take(self, row: dict[str, Any]) -> object:
        """Store `row` if it is an annotation and return `TAKEN`, else return `row`; a json hook."""
        if "image_id" in row and ("bbox" in row or "category_id" in row):
            self.add(row)
            return TAKEN
        return row

    def add(self, row: Mapping[str, Any]) -> None:
        """Add one annotation."""
        index, self.seen = self.seen, self.seen + 1
        key = key_of(row.get("image_id"))
        image = NO_KEY if key is None else self.codes.setdefault(key, len(self.codes))
        category, box = whole(row.get("category_id")), _box(row.get("bbox"))
        crowd, ignored = truth(row.get("iscrowd")), truth(row.get("ignore"))
        if image == NO_KEY or box is None or category is None or crowd is None or ignored is None:
            self.bad.append((image, self.name(row.get("id"), index), _wrong(row)))
            return
        x, y, w, h = box
        self.boxes.extend((x, y, x + w, y + h))
        self.image.append(image)
        self.category.append(self.category_codes.setdefault(category, len(self.category_codes)))
        self.crowd.append(bool(crowd or ignored))
        area = real(row.get("area"))
        self.areas.append(area if area is not None and area > 0 else nan)
        self.outlines.add(_parts(row.get("segmentation")))
        number = whole(row.get("id"))
        if number is None:
            self.odd_ids[len(self.ids)] = self.name(row.get("id"), index)
        self.ids.append(0 if number is None else number)

    def take_each(self, rows: Iterable[object]) -> None:
        """Store the items of the list."""
        for index, row in enumerate(rows):
            if not isinstance(row, dict) or self.take(row) is not TAKEN:
                self.refuse(row, index)

    def drop_codes(self) -> None:
        """Free the codes, when images and classes are known by index."""
        self.image, self.category = array("i"), array("i")
        self.codes.clear()

    def refuse(self, row: object, index: int) -> None:
        """Report an item of the list that is no annotation."""
        what = "lacks `image_id` or `bbox`" if isinstance(row, dict) else "is no mapping"
        number = row.get("id") if isinstance(row, dict) else None
        self.bad.append((NO_KEY, self.name(number, index), what))

    def where(self, index: int) -> str:
        """Name of an annotation in messages."""
        return self.odd_ids.get(index) or self.name(self.ids[index], 0)

    def name(self, number: object, index: int) -> str:
        if number is None:
            return f"{self.path}: annotations[{index}]"
        text = shown(number).strip("'")
        return f"{self.path}: annotation {text}"


def load_coco(path: Path) -> tuple[dict[str, Any], Annotations]:
    """Load the lists of a COCO file and its annotations.

    Raises:
        DataError: if it is not a COCO annotation file.
    """
    with open_file(path, limit=LIMIT, error=DataError) as file:
        if os.fstat(file.fileno()).st_size > STREAMED:
            return _streamed(path, file)
    content = read_bytes(path, limit=LIMIT, error=DataError)
    if not content.strip():
        raise DataError(f"{path}: is empty.")
    taken = Annotations(path)
    with parsing(path, error=DataError, wrong="is no JSON"):
        text = content.decode(json.detect_encoding(content), "surrogatepass")
        del content  # a large file is not held twice
        data = json.loads(text, object_hook=taken.take)
    _require_lists(path, data if isinstance(data, dict) else {})
    lists: dict[str, list[Any]] = data
    if sum(row is TAKEN for row in lists["annotations"]) != taken.seen:
        # objects elsewhere in the file look like annotations
        taken = Annotations(path)
        lists = json.loads(text)
        taken.take_each(lists["annotations"])
        return lists, taken
    for index, row in enumerate(lists["annotations"]):
        if row is not TAKEN:
            taken.refuse(row, index)
    return lists, taken


def _streamed(path: Path, file: BinaryIO) -> tuple[dict[str, Any], Annotations]:
    """The same from a file that is too large to be held in memory; images stay text."""
    lists: dict[str, Any] = {}
    taken = Annotations(path)
    with parsing(path, error=DataError, wrong="is no JSON"):
        stream = JsonStream(file, done=ReadLog(path, os.fstat(file.fileno()).st_size).at)
        for key in stream.members():
            if key == "annotations" and stream.is_list():
                taken, lists[key] = Annotations(path), []
                taken.take_each(stream.items())
            elif key == "images" and stream.is_list():
                lists[key] = images = TextRows()
                for _ in stream.items():
                    images.append(stream.item_text())
            else:
                lists[key] = stream.value()
    _require_lists(path, lists)
    return lists, taken


def _require_lists(path: Path, data: Mapping[str, Any]) -> None:
    for key in KEYS:
        if not isinstance(data.get(key), list | TextRows):
            raise DataError(f"{path}: is not a COCO annotation file: lacks a list of {key}.")


def key_of(value: object) -> Key | None:
    """An id as a dictionary key: 1, 1.0, "1" and "001" are equal."""
    number = whole(value)
    if number is not None:
        return number
    return value if isinstance(value, str) and value else None


def _wrong(row: Mapping[str, Any]) -> str:
    """The first error of an unusable annotation."""
    values = {name: shown(row.get(name)) for name in (*NEEDED, "iscrowd", "ignore")}
    if key_of(row.get("image_id")) is None:
        limit = limit_of(row.get("image_id"))
        return f"belongs to image_id {values['image_id']}, which is not an id{limit}"
    if _box(row.get("bbox")) is None:
        return f"bbox must be [x, y, width, height] in pixels, got {values['bbox']}"
    if whole(row.get("category_id")) is None:
        limit = limit_of(row.get("category_id"))
        return f"belongs to category_id {values['category_id']}, which is not an id{limit}"
    name = "iscrowd" if truth(row.get("iscrowd")) is None else "ignore"
    return f"{name} must be 0 or 1, got {values[name]}"


def _box(value: object) -> list[float] | None:
    if not isinstance(value, list) or len(value) != 4:
        return None
    numbers = [number for each in value if (number := real(each)) is not None]
    return numbers if len(numbers) == 4 else None


def _parts(segmentation: object) -> list[list[float]]:
    """The polygons of a mask; [] for a run-length mask."""
    if not isinstance(segmentation, list):
        return []
    return [
        part
        for part in segmentation
        if isinstance(part, list)
        and len(part) >= MIN_NUMBERS
        and all(type(each) in (int, float) and abs(each) < LARGEST_POINT for each in part)
    ]
