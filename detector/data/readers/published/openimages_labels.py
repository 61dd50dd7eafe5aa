"""Boxes of OpenImages, and the classes that people checked in each image."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maenas.blocks.files.words import shown
from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.readers.published.openimages_files import read_rows
from maenas.detector.data.readers.rows import ProblemList, Rows, box_rows
from maenas.detector.data.readers.values import real

COLUMNS = ("ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax", "IsGroupOf")
LABEL_COLUMNS = ("ImageID", "LabelName", "Confidence")


class Boxes:
    """The boxes of a file, in shares of the image.

    Args:
        path: file of the boxes.
        index_of: index of each class by its id.
    Attributes:
        images: code of each image id, in the order of the file.
    Raises:
        DataError: if the file cannot be read or lacks a column.
    """

    def __init__(self, path: Path, index_of: Mapping[str, int]) -> None:
        self.path = path
        self.images: dict[str, int] = {}
        self._image, self._label, self._line = array("q"), array("q"), array("q")
        self._group, self._box = array("b"), array("d")
        self._bad: list[tuple[str, int, str]] = []
        self._unknown: Counter[str] = Counter()
        for line, (key, label, *sides, group) in read_rows(path, COLUMNS):
            code = self.images.setdefault(key, len(self.images))
            x1, x2, y1, y2 = (real(side) for side in sides)
            if label not in index_of:
                self._unknown[label] += 1
                continue
            if x1 is None or x2 is None or y1 is None or y2 is None:
                self._bad.append((key, line, f"must be shares of the image, got {shown(sides)}"))
                continue
            if not all(0 <= side <= 1 for side in (x1, x2, y1, y2)):
                self._bad.append((key, line, f"must be shares from 0 to 1, got {shown(sides)}"))
                continue
            self._image.append(code)
            self._label.append(index_of[label])
            self._line.append(line)
            self._group.append(group.strip() == "1")
            self._box.extend((x1, y1, x2, y2))

    def rows(
        self, index_of: Mapping[str, int], sizes: NDArray[np.int64], problems: ProblemList
    ) -> Rows:
        """The boxes of the images with an index, in pixels; groups are regions to ignore."""
        for key, line, what in self._bad:
            if key in index_of:
                fix = "correct or delete the line"
                problems.add(index_of[key], f"{self.path}:{line}", what, fix)
        for label, count in self._unknown.items():
            what = f"boxes of class {shown(label)}, which the file of the classes lacks: {count:,}"
            problems.add(-1, self.path, what, "add it to that file")
        new = np.array([index_of.get(key, -1) for key in self.images], dtype=np.int64)
        image = new[np.array(self._image, dtype=np.int64)] if len(self._image) else new[:0]
        used = np.flatnonzero(image >= 0)
        lines = np.array(self._line, dtype=np.int64)[used]
        sides = sizes.reshape(-1, 2)[image[used], ::-1]  # (N, 2): width, height
        boxes = np.array(self._box, dtype=np.float64).reshape(-1, 4)[used] * np.tile(sides, 2)
        return box_rows(
            image[used],
            boxes,
            np.array(self._label, dtype=np.int64)[used],
            lambda row: f"{self.path}:{lines[row]}",
            crowd=np.array(self._group, dtype=np.bool_)[used],
        )


class Verified:
    """Classes that people checked in each image.

    Args:
        index_of: index of each class by its id.
    Attributes:
        images: ids of the images.
    """

    def __init__(self, index_of: Mapping[str, int]) -> None:
        self.images: dict[str, None] = {}
        self._index_of = index_of
        self._absent: dict[str, list[int]] = {}

    def read(self, path: Path) -> None:
        """Add the labels of a file.

        Raises:
            DataError: if the file cannot be read, lacks a column, or a confidence is no number.
        """
        for line, (key, label, confidence) in read_rows(path, LABEL_COLUMNS):
            self.images.setdefault(key)
            share = real(confidence)
            if share is None:
                raise DataError(
                    f"{path}:{line}: Confidence must be 0 or 1, got {shown(confidence)}."
                )
            if share == 0 and label in self._index_of:
                self._absent.setdefault(key, []).append(self._index_of[label])

    def annotated(
        self,
        keys: Sequence[str],
        dataset: Dataset,
        parents: Mapping[int, Sequence[int]],
        children: Mapping[int, Sequence[int]],
    ) -> list[NDArray[np.int32]]:
        """The annotated classes of each image, in ascending order.

        They are those that are absent, with all below them, and those of boxes, without the ones
        above another box.

        Args:
            keys: ids of the images of `dataset`.
            dataset: images with their boxes.
            parents: classes above each class.
            children: classes below each class.
        """
        columns, found = dataset.columns, []
        for index, key in enumerate(keys):
            absent = self._absent.get(key, [])
            first, last = columns.ends[index], columns.ends[index + 1]
            boxed = set(columns.labels[first:last].tolist())
            known = boxed.union(absent, *(children.get(each, ()) for each in absent))
            known.difference_update(*(parents.get(each, ()) for each in boxed))
            found.append(np.array(sorted(known), dtype=np.int32))
        return found
