"""Reader of COCO annotation files, with any category ids, crowds, and masks as outlines."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from maenas.blocks.files.words import cut, name_of, shown
from maenas.detector.data.dataset import DataError, Dataset, same_classes
from maenas.detector.data.paths import class_names
from maenas.detector.data.readers.clean import dataset_of
from maenas.detector.data.readers.coco.annotations import NO_KEY, Annotations, load_coco
from maenas.detector.data.readers.coco.images import CocoImages, find_images
from maenas.detector.data.readers.coco.outlines import with_fitting_outlines
from maenas.detector.data.readers.rows import ProblemList, Rows
from maenas.detector.data.readers.shares import STRAY, STRAY_FIX, stray_shares
from maenas.detector.data.readers.source import SPLITS, AnnotationFileReader, DataSource
from maenas.detector.data.readers.values import class_name, limit_of, whole
from maenas.detector.data.samples import Number, Samples

SUFFIX = ".json"
UNKNOWN = -1  # index of an image or category that is not in the file
ROBOFLOW_FILE = "_annotations.coco.json"


class CocoReader(AnnotationFileReader):
    """Reader of COCO files: a single file, files named in a `data.yaml`, or Roboflow's folders."""

    name: ClassVar[str] = "coco"
    looks_like: ClassVar[str] = f"COCO .json file or folder with train/{ROBOFLOW_FILE}"
    suffixes: ClassVar[tuple[str, ...]] = (SUFFIX,)
    roboflow_file: ClassVar[str] = ROBOFLOW_FILE

    def read(self, source: DataSource, split: str) -> Dataset:
        """One split from one or several files."""
        files, root = self.files_of(source, split)
        parts = [read_coco(file, root or file.parent) for file in files]
        if not source.keys:
            return parts[0]
        names = class_names(source.path, source.keys) if "names" in source.keys else None
        return _joined(source.path, parts, names)

    def files(self, source: DataSource, split: str) -> tuple[Path, ...]:
        """The annotation files, and the `data.yaml` that names them."""
        return (*((source.path,) if source.keys else ()), *self.files_of(source, split)[0])

    def names(self, source: DataSource) -> tuple[str, ...]:
        """The categories in the order of their ids; the images are not looked for."""
        found = {names_in(file) for file in self.files_of(source, SPLITS[0])[0]}
        if "names" in source.keys:
            found.add(class_names(source.path, source.keys))
        if len(found) > 1:
            return self.read(source, SPLITS[0]).names  # raises, and says where they differ
        return found.pop()


def names_in(file: Path) -> tuple[str, ...]:
    """The categories of a file in the order of their ids."""
    lists, annotations = load_coco(file)
    categories = _categories(file, lists["categories"], annotations)
    return tuple(categories[number] for number in sorted(categories))


def read_coco(path: Path, root: Path) -> Dataset:
    """Read the images and objects of a COCO annotation file.

    Classes are the categories in the order of their ids, which may have gaps.

    Args:
        path: annotation file.
        root: further folder to search for images, beside the usual ones around the file.
    Raises:
        DataError: if it is not a COCO file, lists no image, or none of them is on the disk.
    """
    lists, annotations = load_coco(path)
    categories = _categories(path, lists["categories"], annotations)
    order = sorted(categories)
    stray = stray_shares(str(path), _boxes(annotations), annotations.where)
    problems = ProblemList()
    images = find_images(path, root, lists.pop("images"), problems)
    rows = _rows(annotations, order, images, stray, problems)
    rows = with_fitting_outlines(path, rows, images.sizes, problems)
    return dataset_of(
        path,
        [categories[number] for number in order],
        order,
        images.paths,
        images.sizes,
        images.image_ids,
        rows,
        problems,
        lambda index: f"{path}: image {images.keys[index]}",
    )


def _categories(path: Path, rows: Sequence[Any], annotations: Annotations) -> dict[int, str]:
    """Category names by id."""
    found: dict[int, str] = {}
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise DataError(f"{path}: categories[{index}]: must be an object, got {name_of(row)}.")
        number = whole(row.get("id"))
        if number is None or "name" not in row:
            limit = limit_of(row.get("id"))
            raise DataError(f"{path}: categories[{index}]: needs a whole `id`{limit} and a `name`.")
        if number in found:
            raise DataError(f"{path}: categories[{index}]: id {number} is given twice.")
        found[number] = class_name(f"{path}: categories[{index}]: name", row["name"])
    if not found:
        raise DataError(f"{path}: categories: is empty; list the classes.")
    if (
        path.name.lower() == ROBOFLOW_FILE
        and len(found) > 1
        and 0 not in annotations.category_codes
    ):
        parents = {row.get("supercategory") for row in rows if whole(row["id"]) != 0}
        if parents == {found.get(0)}:  # the project's name, which is not a class
            del found[0]
    _require_different(path, found)
    return found


def _require_different(path: Path, categories: Mapping[int, str]) -> None:
    """Raise `DataError` if two categories have one name: their objects could not be told apart."""
    ids: dict[str, list[str]] = {}
    for number, name in categories.items():
        ids.setdefault(name, []).append(str(number))
    for name, those in ids.items():
        if len(those) > 1:
            listed = cut(" and ".join(those))
            raise DataError(
                f"{path}: categories: names must differ, got {shown(name)} for ids {listed}."
            )


def _rows(
    annotations: Annotations,
    order: Sequence[int],
    images: CocoImages,
    stray: NDArray[np.int64],
    problems: ProblemList,
) -> Rows:
    """Labels of the usable images; annotations without an image become problems.

    Args:
        annotations: annotations of the file.
        order: ids of the categories, in the order of the classes.
        images: usable images.
        stray: indices of annotations whose boxes are shares of the image; they become problems.
        problems: list of problems.
    """
    index_of = images.index_of
    image_of = np.array([index_of.get(key, UNKNOWN) for key in annotations.codes], dtype=np.int64)
    key_of_code = list(annotations.codes)
    for code, where, wrong in annotations.bad:
        index = UNKNOWN if code == NO_KEY else int(image_of[code])
        if index == UNKNOWN and code != NO_KEY:
            wrong = _stranger(key_of_code[code])
        problems.add(index, where, wrong, "correct it, or delete it")
    codes = _view(annotations.image, np.int32)
    image = image_of[codes] if len(codes) else codes.astype(np.int64)
    class_of = {number: index for index, number in enumerate(order)}
    numbers = list(annotations.category_codes)
    label_of = np.array([class_of.get(number, UNKNOWN) for number in numbers], dtype=np.int64)
    categories = _view(annotations.category, np.int32)
    labels = label_of[categories] if len(categories) else categories.astype(np.int64)
    for row in np.flatnonzero(image == UNKNOWN).tolist():
        wrong = _stranger(key_of_code[int(codes[row])])
        problems.add(UNKNOWN, annotations.where(row), wrong, "delete it")
    for row in np.flatnonzero((image >= 0) & (labels == UNKNOWN)).tolist():
        wrong = f"category_id {numbers[int(categories[row])]} is not among the categories"
        fix = "correct it or add the category"
        problems.add(int(image[row]), annotations.where(row), wrong, fix)
    usable = (image >= 0) & (labels != UNKNOWN)
    for row in stray[usable[stray]].tolist():
        problems.add(int(image[row]), annotations.where(row), STRAY, STRAY_FIX)
    usable[stray] = False
    known = np.flatnonzero(usable)
    annotations.drop_codes()
    return Rows(
        image,
        _boxes(annotations),
        labels,
        _view(annotations.crowd, np.bool_),
        _view(annotations.areas, np.float64),
        annotations.outlines.made(),
        annotations.where,
    ).take(known)


def _boxes(annotations: Annotations) -> NDArray[np.float64]:
    """(N, 4) as (x1, y1, x2, y2)."""
    return _view(annotations.boxes, np.float64).reshape(-1, 4)


def _view(values: array[Any], kind: type[Number]) -> NDArray[Number]:
    """An array of numpy in the memory of one of Python's."""
    return np.frombuffer(values, dtype=kind) if values else np.zeros(0, dtype=kind)


def _stranger(key: object) -> str:
    return f"belongs to image_id {key}, which is not among the images"


def _joined(path: Path, parts: Sequence[Dataset], names: tuple[str, ...] | None) -> Dataset:
    """Merge several COCO files of one split, with the class names of `data.yaml`."""
    first = parts[0]
    for part in parts[1:]:
        same_classes(first, part)
    if names is not None and names != first.names:
        raise DataError(
            f"{path}: names: {', '.join(names[:5])} .. are not the categories of {first.source} "
            f"in the order of their ids, {', '.join(first.names[:5])} ..; leave `names` out."
        )
    if len(parts) == 1:
        return first
    columns = Samples.joined([part.columns for part in parts])
    if len(np.unique(columns.image_ids)) < len(columns):
        raise DataError(f"{path}: its .json files give one image id to two images; renumber one.")
    problems = tuple(problem for part in parts for problem in part.problems)
    return Dataset(path, columns, first.names, first.category_ids, problems)
