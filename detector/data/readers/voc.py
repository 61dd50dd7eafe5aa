"""Reader of Pascal VOC: one XML file per image, lists of images in ImageSets/Main."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from maenas.blocks.errors import SpecError
from maenas.blocks.files.boundary import parsing
from maenas.blocks.files.inside import inside
from maenas.blocks.files.plain_file import MIB, read_bytes, read_text
from maenas.blocks.files.words import shown
from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.paths import class_names
from maenas.detector.data.readers.clean import dataset_of
from maenas.detector.data.readers.rows import ProblemList, Rows
from maenas.detector.data.readers.source import SPLITS, DataSource, Reader
from maenas.detector.data.readers.values import class_name, real, side, truth
from maenas.detector.data.samples import Outlines
from maenas.detector.data.sizes import Sizes
from maenas.detector.media.images import IMAGE_SUFFIXES, ImageError

ANNOTATIONS, IMAGES, LISTS = "Annotations", "JPEGImages", "ImageSets/Main"
LIMIT = 64 * MIB
CORNERS = ("xmin", "ymin", "xmax", "ymax")


class VocReader(Reader):
    """Reader of a folder with Annotations and JPEGImages; without lists all images are train."""

    name: ClassVar[str] = "voc"
    looks_like: ClassVar[str] = f"Pascal VOC folder with {ANNOTATIONS} and {IMAGES}"

    def recognises(self, source: DataSource) -> bool:
        """Whether the folder has both subfolders, and no `data.yaml` with paths of images."""
        has_splits = any(source.keys.get(split) for split in SPLITS)
        folder = source.folder
        both = (folder / ANNOTATIONS).is_dir() and (folder / IMAGES).is_dir()
        return both and not has_splits and (bool(source.keys) or source.path.is_dir())

    def splits(self, source: DataSource) -> tuple[str, ...]:
        """The splits that have a list."""
        lists = source.folder / LISTS
        found = tuple(split for split in SPLITS if (lists / f"{split}.txt").is_file())
        return found or ("train",)

    def read(self, source: DataSource, split: str) -> Dataset:
        """The images of a list, with the objects of their XML files."""
        if split not in self.splits(source):
            raise DataError(f"{source.path}: has no split {split!r}; {LISTS} lists none.")
        folder = source.folder
        listed = folder / LISTS / f"{split}.txt"
        stems = list(_stems(listed)) if listed.is_file() else _all_stems(folder)
        if not stems:
            raise DataError(f"{source.path}: {split}: lists no image.")
        given = "names" in source.keys
        names = class_names(source.path, source.keys) if given else _names(folder)
        return _read(source, split, stems, names)


@dataclass(frozen=True, slots=True)
class VocObject:
    """An object in an XML file.

    Attributes:
        name: name of the class.
        box: (x1, y1, x2, y2) in pixels, counted from 0; NaN where a number is missing.
        difficult: whether the object is ignored, like a crowd.
    """

    name: str
    box: tuple[float, float, float, float]
    difficult: bool


@dataclass(frozen=True, slots=True)
class VocFile:
    """Content of an XML file; if size is None, the image file gives it."""

    image: str
    size: tuple[int, int] | None
    objects: tuple[VocObject, ...]


def _read(source: DataSource, split: str, stems: list[str], names: tuple[str, ...]) -> Dataset:
    problems = ProblemList()
    index_of = {name: index for index, name in enumerate(names)}
    paths: list[Path] = []
    sizes: list[tuple[int, int]] = []
    ids: list[int] = []
    rows: list[tuple[int, VocObject]] = []
    where: list[str] = []
    with Sizes(source.path.resolve(), split) as known:
        for position, stem in enumerate(stems):
            xml = source.folder / ANNOTATIONS / f"{stem}.xml"
            try:
                annotation = read_voc_file(xml)
                path = _image(source.folder, stem, annotation, xml, len(paths), problems)
                size = annotation.size or known.of(path)
            except (DataError, ImageError) as error:
                file, _, what = str(error).partition(": ")
                fix = "correct it, or take it off the list"
                problems.add(len(paths), file, what.rstrip("."), fix, group="images")
                continue
            rows += [(len(paths), each) for each in annotation.objects]
            where += [f"{xml}: object {number}" for number in range(1, len(annotation.objects) + 1)]
            paths.append(path)
            sizes.append(size)
            ids.append(position)
    if not paths:
        raise DataError(
            f"{source.path}: {split}: holds no image that can be used{problems.first()}."
        )
    unknown = [row for row, (_, each) in enumerate(rows) if each.name not in index_of]
    for row in unknown:
        what = f"class {shown(rows[row][1].name)} is not among `names`"
        problems.add(rows[row][0], where[row], what, "correct it, or add it to `names`")
    known_rows = [row for row, (_, each) in enumerate(rows) if each.name in index_of]
    count = len(known_rows)
    return dataset_of(
        source.path,
        names,
        range(len(names)),
        paths,
        sizes,
        ids,
        Rows(
            np.array([rows[row][0] for row in known_rows], dtype=np.int64),
            np.array([rows[row][1].box for row in known_rows], dtype=np.float64).reshape(-1, 4),
            np.array([index_of[rows[row][1].name] for row in known_rows], dtype=np.int64),
            np.array([rows[row][1].difficult for row in known_rows], dtype=np.bool_),
            np.full(count, nan),
            Outlines.none(count),
            lambda row: where[known_rows[row]],
        ),
        problems,
        lambda index: str(paths[index]),
    )


def read_voc_file(path: Path) -> VocFile:
    """Read one XML file.

    VOC counts pixels from 1, and a box includes both end pixels.

    Raises:
        DataError: if the file cannot be read or is malformed.
    """
    content = read_bytes(path, limit=LIMIT, error=DataError)
    with parsing(path, error=DataError, wrong="is no XML"):
        root = ElementTree.fromstring(content, ElementTree.XMLParser(target=_Tree(path)))
    height, width = side(root.findtext("size/height")), side(root.findtext("size/width"))
    size = (height, width) if height and width else None  # some tools write 0 for unknown
    return VocFile(
        (root.findtext("filename") or "").strip(),
        size,
        tuple(_object(path, number, each) for number, each in enumerate(root.iter("object"), 1)),
    )


class _Tree(ElementTree.TreeBuilder):
    """Builder of the elements that refuses a document type: its entities can fill the memory."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise DataError(f"{self._path}: declares a DOCTYPE, which no annotation needs.")


def _object(path: Path, number: int, element: Element) -> VocObject:
    where = f"{path}: object {number}"
    name = class_name(f"{where}: name", (element.findtext("name") or "").strip())
    difficult = truth(element.findtext("difficult"))
    if difficult is None:
        annotation = element.findtext("difficult")
        raise DataError(f"{where}: difficult must be 0 or 1, got {shown(annotation)}.")
    values = [real(element.findtext(f"bndbox/{corner}")) for corner in CORNERS]
    x1, y1, x2, y2 = (nan if value is None else value for value in values)
    # by VOC's rule xmax == xmin is a width of one pixel, but no tool means that
    box = (x1 - (x2 > x1), y1 - (y2 > y1), x2, y2)
    return VocObject(name, box, difficult)


def _image(
    folder: Path, stem: str, annotation: VocFile, xml: Path, index: int, problems: ProblemList
) -> Path:
    """Path of the image of an XML file: the XML's own name first, else the name it contains."""
    images = folder / IMAGES
    for suffix in (Path(annotation.image).suffix, ".jpg", *sorted(IMAGE_SUFFIXES)):
        path = images / f"{stem}{suffix}"
        if suffix.lower() in IMAGE_SUFFIXES and path.is_file():
            if annotation.image and Path(annotation.image).stem != stem:
                what = f"filename is {shown(annotation.image)}, {path.name} was taken"
                problems.add(index, xml, what, "correct filename", "warning")
            return path
    try:
        path = inside(images, annotation.image, f"{xml}: filename")
    except SpecError as error:
        raise DataError(str(error)) from None
    if not path.is_file():
        raise DataError(
            f"{xml}: neither {stem} nor {shown(annotation.image)} is an image in {images}."
        )
    return path


def _stems(listed: Path) -> Iterator[str]:
    """Image names in a list; a second column, the presence of a class, is not used."""
    text = read_text(listed, limit=LIMIT, error=DataError)
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields:
            continue
        try:
            inside(listed.parent, fields[0])
        except SpecError:
            raise DataError(
                f"{listed}:{number}: {shown(fields[0])} is no name of an image."
            ) from None
        yield fields[0]


def _all_stems(folder: Path) -> list[str]:
    return sorted(file.stem for file in (folder / ANNOTATIONS).glob("*.xml"))


def _names(folder: Path) -> tuple[str, ...]:
    """All class names of the folder in sorted order, the same for every split."""
    found: set[str] = set()
    for stem in _all_stems(folder):
        try:
            found.update(
                each.name for each in read_voc_file(folder / ANNOTATIONS / f"{stem}.xml").objects
            )
        except DataError:
            continue  # reported when its split is read
    if not found:
        raise DataError(f"{folder}: no file in {ANNOTATIONS} has an object that can be used.")
    return tuple(sorted(found))
