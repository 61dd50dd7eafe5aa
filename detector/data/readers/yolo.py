"""Images with one label file each: `class x y width height` in shares of the image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from maenas.blocks.files.plain_file import MIB, read_text
from maenas.detector.data.dataset import DataError, Dataset, Problem, Sample
from maenas.detector.data.labelled import Outline
from maenas.detector.data.readers.clean import Raw, clean, is_lost, label_problem
from maenas.detector.data.sizes import Sizes
from maenas.detector.media.images import IMAGE_SUFFIXES, ImageError

LARGEST = 256 * MIB  # of a text file
BOX_FIELDS = 5
MAX_CLASS = 10**9  # far beyond any list of names, and still a number for numpy
MIN_OUTLINE_FIELDS = 7  # a class and three points


def read_yolo(source: Path, split: str, entries: Sequence[Path], names: tuple[str, ...]) -> Dataset:
    """The images of folders and lists, with the labels beside them.

    Args:
        source: the `data.yaml`, for messages.
        split: its name.
        entries: folders, or .txt files with an image a line.
        names: of the classes.
    Raises:
        DataError: if there is no image, or a list cannot be read.
    """
    images = list(dict.fromkeys(p for entry in entries for p in _images(source, entry)))
    if not images:
        raise DataError(f"{source}: {split}: holds no image ({', '.join(map(str, entries))}).")
    problems: list[Problem] = []
    samples: list[Sample] = []
    with Sizes(source.resolve(), split) as sizes:
        for place, image in enumerate(images):
            try:
                size = sizes.of(image)
            except ImageError as error:
                what = str(error).removeprefix(f"{image}: ").rstrip(".")
                problems.append(
                    Problem("error", "images", str(image), what, "replace or delete it")
                )
                continue
            before = len(problems)
            raw = read_labels(label_file(image), size, problems)
            cleaned = clean(raw, size, names, problems)
            if is_lost(str(image), len(cleaned[1]), problems, before):
                continue
            samples.append(Sample(image, size, *cleaned, image_id=place))
    return Dataset(source, tuple(samples), names, tuple(range(len(names))), tuple(problems))


def label_file(image: Path) -> Path:
    """Where an image's labels are: the last folder `images` of its path replaced by `labels`."""
    parts = list(image.parts)
    for place in range(len(parts) - 2, -1, -1):
        if parts[place] == "images":
            parts[place] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def read_labels(path: Path, size: tuple[int, int], problems: list[Problem]) -> Raw:
    """The labels in a file; none if it does not exist.

    A line of more than five numbers is an outline, `class x1 y1 x2 y2 ..`.

    Args:
        path: of the file.
        size: (height, width) of the image.
        problems: gets one entry for each line that is no label.
    """
    lines = []
    if path.exists():
        try:
            lines = read_text(path, limit=LARGEST, error=DataError).splitlines()
        except DataError as error:
            reason = str(error).removeprefix(f"{path}: ").rstrip(".")
            problems.append(label_problem(str(path), reason, "replace it"))
    height, width = size
    boxes, labels, where = [], [], []
    outlines: list[Outline] = []
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields:
            continue
        place = f"{path}:{number}"
        try:
            label, values = _class_of(fields[0]), [float(field) for field in fields[1:]]
        except ValueError:
            what = f"is not `class x y width height` in numbers: {line.strip()[:60]!r}"
            problems.append(label_problem(place, what, "write it anew"))
            continue
        if len(fields) != BOX_FIELDS and (len(fields) < MIN_OUTLINE_FIELDS or len(fields) % 2 == 0):
            what = f"has {len(fields)} numbers, a box has {BOX_FIELDS}"
            problems.append(label_problem(place, what, "write it anew"))
            continue
        if len(fields) == BOX_FIELDS:
            x, y, w, h = values
            boxes.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2))
            outlines.append(())
        else:
            points = np.array(values, dtype=np.float32).reshape(-1, 2)
            boxes.append((*points.min(0).tolist(), *points.max(0).tolist()))
            outlines.append((points * np.array([width, height], dtype=np.float32),))
        labels.append(label)
        where.append(place)
    scale = np.array([width, height, width, height], dtype=np.float64)
    count = len(labels)
    return Raw(
        np.array(boxes, dtype=np.float64).reshape(-1, 4) * scale,
        np.array(labels, dtype=np.int64),
        np.zeros(count, dtype=np.bool_),
        np.full(count, np.nan),
        tuple(outlines) if any(outlines) else (),
        where,
    )


def _class_of(text: str) -> int:
    """A class written as a whole number, or as 1.0 as some tools do."""
    number = float(text)
    if not number.is_integer() or abs(number) > MAX_CLASS:
        raise ValueError(text)
    return int(number)


def _images(source: Path, entry: Path) -> list[Path]:
    """The images in a folder and those below it by path, or those in a list by line."""
    if entry.is_dir():
        files = (file for file in entry.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES)
        return sorted(file for file in files if not file.name.startswith("."))
    if entry.suffix.lower() in IMAGE_SUFFIXES:
        return [entry]
    if entry.suffix != ".txt":
        raise DataError(f"{source}: {entry} is no folder, no .txt list and no COCO .json file.")
    lines = read_text(entry, limit=LARGEST, error=DataError).splitlines()
    return [_listed(line.strip(), entry, source) for line in lines if line.strip()]


def _listed(line: str, entry: Path, source: Path) -> Path:
    """An image named in a list: relative to the list, to the yaml, or to the working directory."""
    tried = (entry.parent / line, source.parent / line, Path(line))
    return next((path for path in tried if path.exists()), tried[0])
