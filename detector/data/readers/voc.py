"""Reader of Pascal VOC: one XML file per image, lists of images in ImageSets/Main."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar

import numpy as np

from maenas.blocks.errors import SpecError
from maenas.blocks.files.inside import inside
from maenas.blocks.files.plain_file import read_text
from maenas.blocks.files.suffixes import SuffixCases, in_any_case, suffix_of
from maenas.blocks.files.words import shown
from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.paths import class_names
from maenas.detector.data.readers.clean import dataset_of
from maenas.detector.data.readers.reading import counted
from maenas.detector.data.readers.rows import Numbers, ProblemList, box_rows
from maenas.detector.data.readers.shares import STRAY, STRAY_FIX, stray_shares
from maenas.detector.data.readers.source import ROBOFLOW_FOLDERS, SPLITS, DataSource, Reader
from maenas.detector.data.readers.voc_file import LIMIT, VocFile, VocObject, read_voc_file
from maenas.detector.data.sizes import Sizes
from maenas.detector.media.images import IMAGE_SUFFIXES, ImageError
from maenas.detector.media.visible import visible_files

ANNOTATIONS, IMAGES, LISTS = "Annotations", "JPEGImages", "ImageSets/Main"
PRESENCE = ("1", "-1", "0")  # of a class in an image of a list: yes, no, difficult


class VocReader(Reader):
    """Reader of a folder with Annotations and JPEGImages, or of XML files beside their images.

    Without lists of images, and without the folders of splits that Roboflow exports, all images
    are train.
    """

    name: ClassVar[str] = "voc"
    looks_like: ClassVar[str] = (
        f"Pascal VOC folder with {ANNOTATIONS} and {IMAGES}, or with .xml files beside the images"
    )

    def recognises(self, source: DataSource) -> bool:
        """Whether there are XML files, and no `data.yaml` with paths of images."""
        if any(source.keys.get(split) for split in SPLITS):
            return False
        return (bool(source.keys) or source.path.is_dir()) and bool(_parts(source.folder))

    def splits(self, source: DataSource) -> tuple[str, ...]:
        """The splits that have a list or a folder."""
        parts = _parts(source.folder)
        return tuple(split for split in SPLITS if split in parts) or ("train",)

    def read(self, source: DataSource, split: str) -> Dataset:
        """The images of a split, with the objects of their XML files."""
        parts = _parts(source.folder)
        part = parts.get(split)
        if part is None:
            raise DataError(f"{source.path}: has no split {split!r}, but {' and '.join(parts)}.")
        stems = part.stems()
        if not stems:
            raise DataError(f"{source.path}: {split}: lists no image.")
        return _read(source, split, part, stems, self.names(source))

    def names(self, source: DataSource) -> tuple[str, ...]:
        """The names in `data.yaml`; without them those of all XML files, which are read."""
        if "names" in source.keys:
            return class_names(source.path, source.keys)
        return _names(source, _parts(source.folder).values())


@dataclass(frozen=True, slots=True)
class _Part:
    """Where the files of a split are.

    Attributes:
        annotations: folder of the XML files.
        images: folder of the images.
        listed: file that lists the images of the split; None if all XML files belong to it.
    """

    annotations: Path
    images: Path
    listed: Path | None = None

    def stems(self) -> list[str]:
        """Names of the images without suffix: those of the list, or those of all XML files."""
        if self.listed is not None:
            return list(dict.fromkeys(_stems(self.listed, self._known())))
        return sorted(self._known())

    def _known(self) -> set[str]:
        """Names of the XML files without suffix; the suffix is in any case."""
        return {file.stem for file in visible_files(self.annotations, ".xml")}


def _parts(folder: Path) -> dict[str, _Part]:
    """Where the files of each split are; {} if the folder is none of Pascal VOC."""
    annotations, images = folder / ANNOTATIONS, folder / IMAGES
    if annotations.is_dir() and images.is_dir():
        lists = {split: in_any_case(folder / LISTS / f"{split}.txt", DataError) for split in SPLITS}
        found = {split: path for split, path in lists.items() if path.is_file()}
        parts = {split: _Part(annotations, images, path) for split, path in found.items()}
        return parts or {"train": _Part(annotations, images)}
    beside = {
        split: folder / name
        for split, names in ROBOFLOW_FOLDERS.items()
        for name in names
        if _is_beside(folder / name)
    }
    if not beside and _is_beside(folder):
        beside = {"train": folder}
    return {split: _Part(path, path) for split, path in beside.items()}


def _is_beside(folder: Path) -> bool:
    """Whether a folder holds an XML file beside the image that it belongs to."""
    first = next(iter(visible_files(folder, ".xml")), None) if folder.is_dir() else None
    if first is None:
        return False
    return any(first.with_suffix(suffix).is_file() for suffix in IMAGE_SUFFIXES) or any(
        file.stem == first.stem and suffix_of(file) in IMAGE_SUFFIXES
        for file in visible_files(folder)
    )


def _read(
    source: DataSource, split: str, part: _Part, stems: list[str], names: tuple[str, ...]
) -> Dataset:
    problems = ProblemList()
    index_of = {name: index for index, name in enumerate(names)}
    paths: list[Path] = []
    sizes: list[tuple[int, int]] = []
    ids: list[int] = []
    rows: list[tuple[int, VocObject]] = []
    where: list[str] = []
    cases = SuffixCases(DataError)
    with Sizes(source.path.resolve(), split) as known:
        for position, stem in counted(stems):
            xml = part.annotations / f"{stem}.xml"
            try:
                xml = cases.find(xml)
                annotation = read_voc_file(xml)
                path = _image(part.images, stem, annotation, xml, cases)
                size = annotation.size or known.of(path)
            except (DataError, ImageError) as error:
                file, _, what = str(error).partition(": ")
                fix = "delete it" if part.listed is None else f"remove it from {part.listed}"
                problems.add(
                    len(paths), file, what.rstrip("."), f"correct it, or {fix}", group="images"
                )
                continue
            name = annotation.image
            if name and path.stem == PurePosixPath(stem).name != Path(name).stem:
                what = f"filename is {shown(name)}, {path.name} was taken"
                problems.add(len(paths), xml, what, "correct filename", skips=False)
            rows += [(len(paths), each) for each in annotation.objects]
            where += [f"{xml}: object {number}" for number in range(1, len(annotation.objects) + 1)]
            paths.append(path)
            sizes.append(size)
            ids.append(position)
    if not paths:
        raise DataError(
            f"{source.path}: {split}: holds no image that can be used{problems.first()}."
        )
    written = _as_written([each.box for _, each in rows])
    stray = set(stray_shares(f"{source.path} ({split})", written, where.__getitem__).tolist())
    known_rows: list[int] = []
    for row, (image, each) in enumerate(rows):
        if each.fault:
            problems.add(image, where[row], each.fault, "correct it, or delete the object")
        elif row in stray:
            problems.add(image, where[row], STRAY, STRAY_FIX)
        elif each.name not in index_of:
            what = f"class {shown(each.name)} is not among `names`"
            problems.add(image, where[row], what, "correct it, or add it to `names`")
        else:
            known_rows.append(row)
    return dataset_of(
        source.path,
        names,
        range(len(names)),
        paths,
        sizes,
        ids,
        box_rows(
            [rows[row][0] for row in known_rows],
            [rows[row][1].box for row in known_rows],
            [index_of[rows[row][1].name] for row in known_rows],
            lambda row: where[known_rows[row]],
            crowd=[rows[row][1].difficult for row in known_rows],
        ),
        problems,
        lambda index: str(paths[index]),
    )


def _as_written(boxes: Sequence[tuple[float, ...]]) -> Numbers:
    """(N, 4): corners as the files state them, counted from 1."""
    made = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    made[:, :2] += made[:, 2:] > made[:, :2]
    return made


def _image(images: Path, stem: str, annotation: VocFile, xml: Path, cases: SuffixCases) -> Path:
    """Path of the image of an XML file: the XML's own name first, else the name it contains.

    The image has the suffix that the file states, or any other in any case.
    """
    stated = Path(annotation.image).suffix
    path = images / f"{stem}{stated}"
    if stated.lower() in IMAGE_SUFFIXES and path.is_file():
        return path
    for suffix in (".jpg", *sorted(IMAGE_SUFFIXES)):
        path = cases.find(images / f"{stem}{suffix}")
        if path.is_file():
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


def _stems(listed: Path, known: Container[str]) -> Iterator[str]:
    """Image names in a list.

    A second column, the presence of a class, is not used. Names may hold blanks.

    Args:
        listed: file that lists the images.
        known: names of the XML files, which decide whether ` 1` belongs to a name.
    """
    text = read_text(listed, limit=LIMIT, error=DataError)
    lines = {number: line.strip() for number, line in enumerate(text.splitlines(), 1)}
    names = {number: _without_presence(line) for number, line in lines.items() if line}
    is_of_class = all(name != lines[number] for number, name in names.items())
    for number, short in names.items():
        whole = lines[number]
        if is_of_class and whole in known and short in known:
            raise DataError(
                f"{listed}:{number}: may mean the image {shown(short)} or {shown(whole)}; rename "
                "one of them."
            )
        name = whole if whole in known else short
        try:
            inside(listed.parent, name)
        except SpecError:
            raise DataError(
                f"{listed}:{number}: {shown(name)} is not the name of an image."
            ) from None
        yield str(PurePosixPath(name.replace("\\", "/")))


def _without_presence(line: str) -> str:
    """A line without the presence of a class, if that is its last word."""
    first, _, last = line.replace("\t", " ").rpartition(" ")
    return first.rstrip() if last in PRESENCE and first else line


def _names(source: DataSource, parts: Iterable[_Part]) -> tuple[str, ...]:
    """All class names of all splits in sorted order, the same for every split."""
    found: set[str] = set()
    faults: list[str] = []
    count = 0
    for folder in sorted({part.annotations for part in parts}):
        for file in visible_files(folder, ".xml"):
            count += 1
            try:
                found.update(each.name for each in read_voc_file(file).objects)
            except DataError as error:  # reported when its split is read
                faults.append(str(error).rstrip("."))
    if not found:
        what = "no XML file has an object that can be used"
        if faults:
            what += f": {len(faults):,} of {count:,} cannot be read, such as {faults[0]}"
        raise DataError(f"{source.path}: {what}.")
    return tuple(sorted(found))
