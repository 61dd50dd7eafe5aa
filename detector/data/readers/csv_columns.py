"""Columns of a CSV list, by the names in its first line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from maenas.blocks.files.words import cut
from maenas.detector.data.dataset import DataError
from maenas.detector.data.readers.values import real

# Names of each column, in any case; width and height of the image are not needed.
COLUMNS = {
    "image": ("filename", "file_name", "image", "image_path", "path", "file"),
    "class": ("class", "class_name", "label", "name", "category"),
    "x1": ("xmin", "x_min", "x1", "left"),
    "y1": ("ymin", "y_min", "y1", "top"),
    "x2": ("xmax", "x_max", "x2", "right"),
    "y2": ("ymax", "y_max", "y2", "bottom"),
}
BARE = ("image", "x1", "y1", "x2", "y2", "class")  # the order without a header


def columns_of(file: Path, first: Sequence[str]) -> tuple[dict[str, int], bool]:
    """Index of each column, and whether the first line is a header.

    Raises:
        DataError: if a column is missing, or two columns give the same.
    """
    texts = [field.strip().lower() for field in first]
    found = {
        column: [index for index, text in enumerate(texts) if text in names]
        for column, names in COLUMNS.items()
    }
    missing = [column for column in BARE if not found[column]]
    if not missing:
        _require_one_each(file, texts, found)
        return {column: places[0] for column, places in found.items()}, True
    is_box = all(not text or real(text) is not None for text in texts[1:5])
    if len(missing) == len(texts) == len(BARE) and is_box:
        return {name: index for index, name in enumerate(BARE)}, False
    wanted = ", ".join(f"{column} ({' or '.join(COLUMNS[column][:2])})" for column in missing)
    raise DataError(
        f"{file}:1: lacks a column for {wanted}, got {cut(', '.join(texts) or 'none')}; without a "
        "header the six columns are image, x1, y1, x2, y2, class."
    )


def _require_one_each(file: Path, texts: Sequence[str], found: dict[str, list[int]]) -> None:
    """Raise `DataError` if two columns give the same: one of them would be ignored."""
    for column, places in found.items():
        if len(places) > 1:
            both = " and ".join(repr(texts[place]) for place in places)
            raise DataError(
                f"{file}:1: columns {both} may both be {column}; rename or delete those that are "
                "not used."
            )
