"""Reader of VisDrone: one text file per image, with regions to ignore."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import ClassVar

from maenas.blocks.files.plain_file import MIB, read_text
from maenas.blocks.files.suffixes import SuffixCases, suffix_of
from maenas.blocks.files.words import shown
from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.labelled import EVERY_CLASS
from maenas.detector.data.readers.clean import dataset_of
from maenas.detector.data.readers.reading import counted
from maenas.detector.data.readers.rows import ProblemList, Rows, box_rows
from maenas.detector.data.readers.source import SPLITS, DataSource, Reader
from maenas.detector.data.readers.values import real, whole
from maenas.detector.data.sizes import Sizes
from maenas.detector.media.images import IMAGE_SUFFIXES, ImageError
from maenas.detector.media.visible import visible_files

NAMES = tuple("pedestrian people bicycle car van truck tricycle awning-tricycle bus motor".split())
IGNORED, OTHERS = 0, 11  # categories whose boxes are regions to ignore
FIELDS = "left,top,width,height,score,category,truncation,occlusion"
COUNT = len(FIELDS.split(","))
LIMIT = 64 * MIB
ANNOTATIONS, IMAGES = "annotations", "images"
FOLDERS = {"train": "train", "val": "val", "test": "test-dev"}  # end of a folder's name


class VisDroneReader(Reader):
    """Reader of folders such as `VisDrone2019-DET-train`, each with `annotations` and `images`.

    Categories 0 (ignored regions) and 11 (others) are regions to ignore in every class, as in the
    published evaluation. A box of another category whose score is 0 is one in its class.
    """

    name: ClassVar[str] = "visdrone"
    looks_like: ClassVar[str] = "folder of VisDrone with VisDrone2019-DET-train"

    def recognises(self, source: DataSource) -> bool:
        """Whether there are annotations in the form of VisDrone."""
        if any(source.keys.get(split) for split in SPLITS):
            return False
        return any(map(_looks_right, _folders(source.folder).values()))

    def splits(self, source: DataSource) -> tuple[str, ...]:
        """The splits that have a folder."""
        return tuple(_folders(source.folder))

    def names(self, source: DataSource) -> tuple[str, ...]:
        """The ten categories that are evaluated."""
        return NAMES

    def read(self, source: DataSource, split: str) -> Dataset:
        """The images of a split."""
        folders = _folders(source.folder)
        if split not in folders:
            listed = " and ".join(folders) or f"no folder with {ANNOTATIONS} and {IMAGES}"
            raise DataError(f"{source.path}: has no split {split!r}, but {listed}.")
        return _read(source, split, folders[split])


def _folders(folder: Path) -> dict[str, Path]:
    """The folder of each split; the folder itself is one split if it holds images."""
    if _is_split(folder):
        split = next((s for s, end in FOLDERS.items() if folder.name.endswith(end)), SPLITS[0])
        return {split: folder}
    found = {}
    for split, end in FOLDERS.items():
        named = sorted(folder.glob(f"VisDrone*-DET-{end}")) if folder.is_dir() else []
        tried = [*named, folder / split]
        place = next((each for each in tried if _is_split(each)), None)
        if place is not None:
            found[split] = place
    return found


def _is_split(folder: Path) -> bool:
    return (folder / ANNOTATIONS).is_dir() and (folder / IMAGES).is_dir()


def _looks_right(folder: Path) -> bool:
    """Whether the first text file with a row has the fields of VisDrone."""
    for path in visible_files(folder / ANNOTATIONS, ".txt")[:10]:
        try:
            lines = read_text(path, limit=LIMIT, error=DataError).split()
        except DataError:
            continue
        if lines:
            return lines[0].rstrip(",").count(",") == COUNT - 1
    return False


@dataclass(slots=True)
class _Labels:
    """Rows of all images in columns."""

    image: array[int] = field(default_factory=lambda: array("q"))
    line: array[int] = field(default_factory=lambda: array("q"))
    labels: array[int] = field(default_factory=lambda: array("q"))
    crowd: array[int] = field(default_factory=lambda: array("b"))
    boxes: array[float] = field(default_factory=lambda: array("d"))

    def add(self, image: int, line: int, text: str) -> str:
        """Add a row; the reason if it cannot be used, else ""."""
        fields = text.strip().rstrip(",").split(",")
        if len(fields) != COUNT:
            return f"has {len(fields)} fields, not {COUNT} ({FIELDS})"
        numbers = [real(each.strip()) for each in fields[:4]]
        left, top, width, height = (nan if each is None else each for each in numbers)
        score, category = whole(fields[4]), whole(fields[5])
        if None in numbers or score is None:
            return f"must be numbers, {FIELDS}, got {shown(text.strip())}"
        if category is None or not IGNORED <= category <= OTHERS:
            return f"category must be {IGNORED} to {OTHERS}, got {shown(fields[5])}"
        everywhere = category in (IGNORED, OTHERS)
        self.image.append(image)
        self.line.append(line)
        self.labels.append(EVERY_CLASS if everywhere else category - 1)
        self.crowd.append(everywhere or score == 0)
        self.boxes.extend((left, top, left + width, top + height))
        return ""

    def rows(self, files: Sequence[Path]) -> Rows:
        """All rows; `files` is the text file of each image."""
        return box_rows(
            self.image,
            self.boxes,
            self.labels,
            lambda row: f"{files[self.image[row]]}:{self.line[row]}",
            crowd=self.crowd,
        )


def _read(source: DataSource, split: str, folder: Path) -> Dataset:
    problems, labels = ProblemList(), _Labels()
    listed = sorted(
        path for path in visible_files(folder / IMAGES) if suffix_of(path) in IMAGE_SUFFIXES
    )
    paths: list[Path] = []
    shapes: list[tuple[int, int]] = []
    ids: list[int] = []
    files: list[Path] = []
    cases = SuffixCases(DataError)
    with Sizes(source.path.resolve(), split) as sizes:
        for position, path in counted(listed):
            file = folder / ANNOTATIONS / f"{path.stem}.txt"
            try:
                size = sizes.of(path)
                file = cases.find(file)
                text = read_text(file, limit=LIMIT, error=DataError)
            except (ImageError, DataError) as error:
                where, _, what = str(error).partition(": ")
                fix = f"restore it, or delete {path}"
                problems.add(len(paths), where, what.rstrip("."), fix, group="images")
                continue
            for line, row in enumerate(text.splitlines(), 1):
                wrong = labels.add(len(paths), line, row) if row.strip() else ""
                if wrong:
                    fix = "correct or delete the line"
                    problems.add(len(paths), f"{file}:{line}", wrong, fix)
            paths.append(path)
            shapes.append(size)
            ids.append(position)
            files.append(file)
    if not paths:
        raise DataError(f"{folder / IMAGES}: holds no image that can be used{problems.first()}.")
    return dataset_of(
        source.path,
        NAMES,
        range(1, len(NAMES) + 1),
        paths,
        shapes,
        ids,
        labels.rows(files),
        problems,
        lambda index: str(paths[index]),
    )
