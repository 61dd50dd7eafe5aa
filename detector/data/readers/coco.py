"""COCO annotation files: any category ids, crowds, masks as outlines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path
from typing import Any

import numpy as np

from maenas.blocks.files.json_file import read_json
from maenas.blocks.files.plain_file import GIB
from maenas.detector.data.dataset import DataError, Dataset, Problem, Sample
from maenas.detector.data.labelled import Outline
from maenas.detector.data.readers.clean import Raw, clean, is_lost, label_problem

KEYS = ("images", "annotations", "categories")
UNKNOWN = -1  # label of a category the file does not list
LARGEST = 16 * GIB
MIN_NUMBERS = 6  # of an outline: three points


def read_coco(path: Path, root: Path) -> Dataset:
    """The images and objects of a COCO annotation file.

    Classes are the categories in the order of their ids, whatever these are.

    Args:
        path: of the file.
        root: a folder where its images may be, beside the usual places around the file.
    Raises:
        DataError: if it is no such file, lists no image, or none of them is on the disk.
    """
    data = _load(path)
    categories = _categories(path, data["categories"])
    order = sorted(categories)
    names, index_of = tuple(categories[k] for k in order), {k: i for i, k in enumerate(order)}
    problems: list[Problem] = []
    images = _images(path, data["images"], problems)
    if not images:
        raise DataError(f"{path}: lists no image that can be used.")
    folder = _folder(path, root, images)
    groups: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for place, row in enumerate(data["annotations"]):
        image_id = row.get("image_id") if isinstance(row, dict) else None
        if isinstance(image_id, int) and image_id in images:
            groups[image_id].append(row)
        else:
            what = f"belongs to image_id {image_id}, which is not among the images"
            problems.append(label_problem(_where(path, row, place), what, "delete it"))
    samples = []
    for image_id, image in images.items():
        size = image["height"], image["width"]
        before = len(problems)
        raw = _raw(path, groups.get(image_id, ()), index_of, problems)
        cleaned = clean(raw, size, names, problems)
        if is_lost(f"{path}: image {image_id}", len(cleaned[1]), problems, before):
            continue
        samples.append(Sample(folder / image["file_name"], size, *cleaned, image_id=image_id))
    missing = [sample for sample in samples if not sample.path.is_file()]
    for sample in missing:
        problems.append(
            Problem("error", "images", str(sample.path), "no such file", "restore or delist it")
        )
    present = tuple(sample for sample in samples if sample.path.is_file()) if missing else samples
    return Dataset(path, tuple(present), names, tuple(order), tuple(problems))


def _load(path: Path) -> dict[str, list[Any]]:
    data = read_json(path, limit=LARGEST, error=DataError, wrong="is no COCO annotation file")
    for key in KEYS:
        if not isinstance(data.get(key), list):
            raise DataError(f"{path}: is no COCO annotation file: lacks a list of {key}.")
    lists: dict[str, list[Any]] = data
    return lists


def _categories(path: Path, rows: Sequence[Any]) -> dict[int, str]:
    """Names by id."""
    found: dict[int, str] = {}
    for place, row in enumerate(rows):
        number = row.get("id") if isinstance(row, dict) else None
        if not isinstance(number, int) or "name" not in row:
            raise DataError(f"{path}: categories[{place}]: needs a whole `id` and a `name`.")
        if number in found:
            raise DataError(f"{path}: categories[{place}]: id {number} is there twice.")
        found[number] = str(row["name"])
    if not found:
        raise DataError(f"{path}: categories: is empty; list the classes.")
    return found


def _images(path: Path, rows: Sequence[Any], problems: list[Problem]) -> dict[int, dict[str, Any]]:
    """The usable images by id."""
    found: dict[int, dict[str, Any]] = {}
    for place, row in enumerate(rows):
        where = f"{path}: images[{place}]"
        row = row if isinstance(row, dict) else {}
        number, sides = row.get("id"), [row.get("height"), row.get("width")]
        if not isinstance(number, int) or not isinstance(row.get("file_name"), str):
            problems.append(
                Problem("error", "files", where, "lacks a whole `id` or a `file_name`", "add it")
            )
        elif not all(isinstance(side, int) and side > 0 for side in sides):
            what = f"height and width must be whole and positive, got {sides[0]} and {sides[1]}"
            problems.append(Problem("error", "files", f"{where}, id {number}", what, "correct it"))
        elif number in found:
            problems.append(
                Problem("error", "files", where, f"id {number} is there twice", "renumber one")
            )
        else:
            found[number] = row
    return found


def _folder(path: Path, root: Path, images: Mapping[int, Mapping[str, Any]]) -> Path:
    """Where the images are: the first usual place that holds one of the first few."""
    above, split = path.parent.parent, path.stem.removeprefix("instances_")
    places = [path.parent, root, above]
    places += [place / name for place in (path.parent, root, above) for name in ("images", split)]
    places += [above / "images" / split, root / "images" / split]
    names = [image["file_name"] for image in list(images.values())[:10]]
    for place in places:
        if any((place / name).is_file() for name in names):
            return place
    tried = ", ".join(dict.fromkeys(map(str, places)))
    raise DataError(f"{path}: image {names[0]} is in none of {tried}.")


def _raw(
    path: Path,
    rows: Sequence[Mapping[str, Any]],
    index_of: Mapping[int, int],
    problems: list[Problem],
) -> Raw:
    """The objects of one image."""
    boxes, labels, crowd, areas, where = [], [], [], [], []
    outlines: list[Outline] = []
    for place, row in enumerate(rows):
        name, box = _where(path, row, place), row.get("bbox")
        if not isinstance(box, list) or not _is_numbers(box) or len(box) != 4:
            what = f"bbox must be [x, y, width, height] in pixels, got {box!r}"[:120]
            problems.append(label_problem(name, what, "correct it"))
            continue
        if row.get("category_id") not in index_of:
            what = f"category_id {row.get('category_id')} is not among the categories"
            problems.append(label_problem(name, what, "correct it or add the category"))
            continue
        x, y, w, h = box
        boxes.append((x, y, x + w, y + h))
        labels.append(index_of[row["category_id"]])
        crowd.append(bool(row.get("iscrowd")) or bool(row.get("ignore")))
        area = row.get("area")
        areas.append(float(area) if isinstance(area, int | float) and area > 0 else nan)
        outlines.append(_outline(row.get("segmentation")))
        where.append(name)
    return Raw(
        np.array(boxes, dtype=np.float64).reshape(-1, 4),
        np.array(labels, dtype=np.int64),
        np.array(crowd, dtype=np.bool_),
        np.array(areas, dtype=np.float64),
        tuple(outlines) if any(outlines) else (),
        where,
    )


def _outline(segmentation: object) -> Outline:
    """The polygons of a mask; none of one in run lengths."""
    if not isinstance(segmentation, list):
        return ()
    parts = (part for part in segmentation if _is_numbers(part) and len(part) >= MIN_NUMBERS)
    return tuple(
        np.array(part[: len(part) // 2 * 2], dtype=np.float32).reshape(-1, 2) for part in parts
    )


def _is_numbers(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, int | float) and not isinstance(each, bool) for each in value
    )


def _where(path: Path, row: object, place: int) -> str:
    """How messages name an annotation."""
    if isinstance(row, dict) and "id" in row:
        return f"{path}: annotation {row['id']}"
    return f"{path}: annotations[{place}]"
