"""Columns of a CSV list, by the names in its first line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from maenas.blocks.files.words import cut
from maenas.detector.data.dataset import DataError
from maenas.detector.data.readers.values import real

# Names of each column, in any case.
COLUMNS = {
    "image": ("filename", "file_name", "image", "image_name", "image_path", "path", "file"),
    "class": ("class", "class_name", "label", "label_name", "name", "category"),
    "x1": ("xmin", "x_min", "x1", "left"),
    "y1": ("ymin", "y_min", "y1", "top"),
    "x2": ("xmax", "x_max", "x2", "right"),
    "y2": ("ymax", "y_max", "y2", "bottom"),
}
# Names of the columns that may state the size of the image.
SIDES = {
    "width": ("image_width", "img_width", "width"),
    "height": ("image_height", "img_height", "height"),
}
BARE = ("image", "x1", "y1", "x2", "y2", "class")  # the order without a header
CORNERS = BARE[1:5]
# The order of MakeSense, which writes no header.
MAKE_SENSE = ("class", "x1", "y1", "w", "h", "image", "width", "height")
VIA = "region_shape_attributes"  # a column of VGG Image Annotator, in which shapes are JSON
# Columns of the third and fourth corner of a quadrilateral, behind x1, y1, x2 and y2.
FURTHER = ("x3", "y3", "x4", "y4")
# Columns of the upper left corner and of the sides of a box, instead of a second corner.
ORIGIN = {"x1": ("x", "bbox_x", "box_x"), "y1": ("y", "bbox_y", "box_y")}
BOX_SIDES = {"w": ("w", "bbox_w", "box_w", "bbox_width", "box_width")}
BOX_SIDES |= {"h": ("h", "bbox_h", "box_h", "bbox_height", "box_height")}
COORDINATE = re.compile(r"[xy][_ ]?\d+")


def columns_of(file: Path, first: Sequence[str]) -> tuple[dict[str, int], bool]:
    """Index of each column, and whether the first line is a header.

    A list of quadrilaterals has columns `FURTHER`, too, and one with sizes of images `SIDES`. One
    of boxes with width and height has columns `BOX_SIDES` instead of x2 and y2.

    Raises:
        DataError: if a column is missing, two columns give the same, or there are coordinates
            beside those of the corners.
    """
    texts = [field.strip().lower() for field in first]
    found = {
        column: [index for index, text in enumerate(texts) if text in names]
        for column, names in COLUMNS.items()
    }
    if not found["x2"] and not found["y2"]:
        found = _with_box_sides(texts, found)
    if VIA in texts:
        raise DataError(
            f"{file}:1: is a list of VGG Image Annotator, whose shapes are JSON; export its "
            "annotations as COCO there."
        )
    missing = [each for each in (*BARE, *BOX_SIDES) if each in found and not found[each]]
    if not missing:
        _require_one_each(file, texts, found)
        columns = {column: places[0] for column, places in found.items()}
        if all(texts.count(name) == 1 for name in (*CORNERS, *FURTHER)):
            columns |= {name: texts.index(name) for name in FURTHER}
        _require_all_coordinates(file, texts, columns)
        for column, names in SIDES.items():
            place = next((texts.index(name) for name in names if name in texts), None)
            if place is not None and place not in columns.values():
                columns[column] = place
        return columns, True
    is_box = all(not text or real(text) is not None for text in texts[1:5])
    if len(missing) == len(texts) == len(BARE) and is_box:
        return {name: index for index, name in enumerate(BARE)}, False
    are_numbers = [real(text) is not None for text in texts]
    if are_numbers == [False, True, True, True, True, False, True, True]:
        return {name: index for index, name in enumerate(MAKE_SENSE)}, False
    wanted = ", ".join(f"{column} ({' or '.join(COLUMNS[column][:2])})" for column in missing)
    raise DataError(
        f"{file}:1: lacks a column for {wanted}, got {cut(', '.join(texts) or 'none')}; without a "
        "header the six columns are image, x1, y1, x2, y2, class; with x, y, w and h, x2 and y2 "
        "may be missing."
    )


def _with_box_sides(texts: Sequence[str], found: dict[str, list[int]]) -> dict[str, list[int]]:
    """Places of the columns with width and height of the box for x2 and y2, if they are there.

    `width` and `height` behind x and y are those of the box, before them those of the image.
    """
    made = {column: places for column, places in found.items() if column not in ("x2", "y2")}
    for column, names in (ORIGIN | BOX_SIDES).items():
        own = [index for index, text in enumerate(texts) if text in names]
        made[column] = [*made.get(column, ()), *own]
    if not made["w"] and not made["h"] and made["x1"] and made["y1"]:
        start = max(made["x1"] + made["y1"])
        for column, name in (("w", "width"), ("h", "height")):
            made[column] = [k for k, text in enumerate(texts) if text == name and k > start]
    return made if made["w"] and made["h"] else found


def _require_one_each(file: Path, texts: Sequence[str], found: dict[str, list[int]]) -> None:
    """Raise `DataError` if two columns give the same: one of them would be ignored."""
    for column, places in found.items():
        if len(places) > 1:
            both = " and ".join(repr(texts[place]) for place in places)
            raise DataError(
                f"{file}:1: columns {both} may both be {column}; rename or delete those that are "
                "not used."
            )


def _require_all_coordinates(file: Path, texts: Sequence[str], columns: dict[str, int]) -> None:
    """Raise `DataError` if a coordinate is not read: the corners are then not those of a box."""
    for place, text in enumerate(texts):
        if place not in columns.values() and COORDINATE.fullmatch(text):
            raise DataError(
                f"{file}:1: column {text!r} is neither a corner of a box (xmin, ymin, xmax, ymax) "
                "nor of a quadrilateral (x1, y1 to x4, y4); rename the columns of the box, and "
                "delete those that are not used."
            )
