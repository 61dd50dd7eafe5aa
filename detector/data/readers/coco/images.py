"""Search for the images of a COCO file on the disk."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload
from urllib.parse import unquote, urlsplit

from maenas.blocks.files.inside import fault_of
from maenas.blocks.files.words import name_of, shown
from maenas.detector.data.dataset import DataError
from maenas.detector.data.readers.coco.annotations import Key, key_of
from maenas.detector.data.readers.reading import counted
from maenas.detector.data.readers.rows import ProblemList
from maenas.detector.data.readers.values import limit_of, side
from maenas.detector.data.sizes import Sizes
from maenas.detector.media.images import ImageError

FIRST = 10  # number of images that are searched for to find their folder
ALL = 100  # more parts than a name has
PARTS = (ALL, 2, 1)  # last parts of names that are tried, such as patch8/image.jpg
UNUSABLE = -2  # index of an image that is listed but unusable


class FilesIn(Sequence[Path]):
    """Paths below a folder, held as texts: a tenth of the memory of paths.

    Args:
        folder: folder that the names are relative to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: list[str] = []

    def append(self, name: str) -> None:
        """Add a path by its name."""
        self._names.append(name)

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> list[Path]: ...
    def __getitem__(self, index: int | slice) -> Path | list[Path]:
        if isinstance(index, slice):
            return [self._folder / name for name in self._names[index]]
        return self._folder / self._names[index]


@dataclass(slots=True)
class CocoImages:
    """The usable images of a COCO file.

    Attributes:
        paths: path of each image.
        sizes: (height, width) of each image.
        image_ids: number of each image.
        index_of: index by the file's id; `UNUSABLE` for images that are listed but left out.
        keys: id of each image in the file.
    """

    paths: FilesIn
    sizes: list[tuple[int, int]]
    image_ids: list[int]
    index_of: dict[Key, int]
    keys: list[Key]


@dataclass(slots=True)
class _Listed:
    """The images of the file's list that may be usable, in columns.

    Attributes:
        keys: id of each image.
        names: file name of each image.
        sizes: (height, width) of each image; None if the image file gives it.
        places: index of each image in the file's list.
        index_of: index in these columns by id; `UNUSABLE` for images that are left out.
    """

    keys: list[Key] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    sizes: list[tuple[int, int] | None] = field(default_factory=list)
    places: array[int] = field(default_factory=lambda: array("i"))
    index_of: dict[Key, int] = field(default_factory=dict)


def find_images(path: Path, root: Path, rows: Iterable[Any], problems: ProblemList) -> CocoImages:
    """Find the usable images.

    Args:
        path: annotation file.
        root: further folder to search for images, beside the usual ones around the file.
        rows: list `images` of the file.
        problems: list of problems; gets one entry for each image that is left out.
    Raises:
        DataError: if no image is usable, or one is listed twice.
    """
    listed = _listed(path, rows, problems)
    if not listed.keys:
        raise DataError(f"{path}: lists no image that can be used{problems.first()}.")
    folder, parts = _folder(path, root, listed.names)
    found = CocoImages(FilesIn(folder), [], [], listed.index_of, [])
    with_text = any(isinstance(key, str) for key in listed.keys)
    if with_text:
        what = "ids of images are text, so results number the images by their index"
        problems.add(-1, path, what, "number them to keep the ids", skips=False, group="files")
    seen: set[int] = set()  # hashes of the paths: a path takes three times the memory
    with Sizes(path.resolve(), "images") as sizes:
        for index, key in counted(listed.keys):
            name = _last(listed.names[index], parts)
            file = folder / name
            found.index_of[key] = UNUSABLE
            try:
                if not file.is_file():
                    raise ImageError(f"{file}: no such file.")
                size = listed.sizes[index] or sizes.of(file)
            except (ImageError, OSError, ValueError) as error:
                what = str(error).removeprefix(f"{file}: ").rstrip(".")
                problems.add(
                    -1, file, what, f"restore it, or remove it from {path}", group="images"
                )
                continue
            if hash(name) in seen:
                _require_first(path, listed, index, parts)
            seen.add(hash(name))
            found.index_of[key] = len(found.paths)
            found.paths.append(listed.names[index] if parts == ALL else str(name))
            found.sizes.append(size)
            found.keys.append(key)
            found.image_ids.append(index if with_text or isinstance(key, str) else key)
    if not found.paths:
        raise DataError(f"{path}: lists no image that can be used{problems.first()}.")
    return found


def _require_first(path: Path, listed: _Listed, index: int, parts: int) -> None:
    """Raise `DataError` if an earlier image of the list has the same file."""
    own = _last(listed.names[index], parts)
    first = next(i for i, name in enumerate(listed.names) if _last(name, parts) == own)
    if first != index:
        place = listed.places[index]
        raise DataError(
            f"{path}: images[{place}] names {shown(listed.names[index])} as "
            f"images[{listed.places[first]}] does; merge the two, with the annotations of both."
        )


def _listed(path: Path, rows: Iterable[Any], problems: ProblemList) -> _Listed:
    """The images of the list, and a problem for each that is wrong."""
    found = _Listed()
    sizes: dict[tuple[int, int], tuple[int, int]] = {}  # equal sizes are one object
    for index, row in enumerate(rows):
        where = f"{path}: images[{index}]"
        if not isinstance(row, dict):
            what = f"must be an object, got {name_of(row)}"
            problems.add(-1, where, what, "correct it", group="files")
            continue
        key = key_of(row.get("id"))
        name, sides = _name(row), (row.get("height"), row.get("width"))
        given = [each for each in sides if each is not None]
        size = (side(sides[0]), side(sides[1])) if len(given) == 2 else None
        wrong, fix = "", "correct it"
        if key is None:
            number = row.get("id")
            wrong = f"id must be a whole number{limit_of(number)} or text, got {shown(number)}"
        elif row.get("file_name") is not None and (name is None or not _is_text(row)):
            wrong = f"file_name must be text, got {shown(row['file_name'])}"
        elif name is None:
            wrong, fix = "lacks a `file_name`, and a `coco_url` that gives it", "add it"
        elif fault := fault_of(name):
            outside = fault in ("leads out of it", "is an absolute path")
            fault = "leads out of the image folder" if outside else fault
            wrong = f"file_name {shown(name)} {fault}"
            fix = "write it relative to the folder of the images"
        elif not all(map(side, given)):
            wrong = f"height and width must be whole and positive, got {_texts(sides)}"
        elif key in found.index_of:
            _require_same_file(path, found, key, name, index)
            wrong, fix = f"id {key} is given twice", "renumber one"
        if wrong:
            where += "" if key is None else f", id {key}"
            problems.add(-1, where, wrong, fix, group="files")
            if key is not None:
                found.index_of.setdefault(key, UNUSABLE)
        elif key is not None and name is not None:
            known = None if size is None or None in size else (size[0] or 0, size[1] or 0)
            found.index_of[key] = len(found.keys)
            found.keys.append(key)
            found.names.append(name)
            found.sizes.append(known and sizes.setdefault(known, known))
            found.places.append(index)
    return found


def _require_same_file(path: Path, listed: _Listed, key: Key, name: str, index: int) -> None:
    """Raise `DataError` if an earlier image with this id has another file.

    The objects of both would be labels of one of them.
    """
    first = listed.index_of[key]
    if first != UNUSABLE and Path(listed.names[first]) != Path(name):
        raise DataError(
            f"{path}: images[{listed.places[first]}] and images[{index}] have one id, {key}, but "
            f"two files, {shown(listed.names[first])} and {shown(name)}; renumber one, and the "
            "image_id of its annotations."
        )


def _texts(values: Sequence[object]) -> str:
    return " and ".join(shown(value) for value in values)


def _name(row: Mapping[str, Any]) -> str | None:
    """File name of an image with slashes; in LVIS, the last two parts of the URL."""
    name = row.get("file_name")
    if isinstance(name, str) and name:
        return name.replace("\\", "/")
    address = row.get("coco_url")
    if not isinstance(address, str):
        return None
    try:
        parts = unquote(urlsplit(address).path).split("/")
    except ValueError:
        return None
    return "/".join(parts[-2:]) if parts[-1] else None


def _is_text(row: Mapping[str, Any]) -> bool:
    return isinstance(row["file_name"], str)


def _folder(path: Path, root: Path, names: Sequence[str]) -> tuple[Path, int]:
    """Folder of the images, and how many of the last parts of their names lead on from it.

    The result is the first usual folder that holds one of `FIRST` images, evenly spread. All parts
    of a name count first; Objects365 names folders above those that are on the disk.
    """
    above, whole = path.parent.parent, path.stem.removeprefix("instances_")
    splits = dict.fromkeys((whole, path.stem.rpartition("_")[2]))
    folders = [path.parent, root, above]
    folders += [folder / name for folder in tuple(folders) for name in ("images", *splits)]
    folders += [folder / "images" / split for folder in (above, root) for split in splits]
    some = names[:: max(1, len(names) // FIRST)][:FIRST]
    for parts in PARTS:
        for folder in dict.fromkeys(folders):
            if any((folder / _last(name, parts)).is_file() for name in some):
                return folder, parts
    tried = ", ".join(dict.fromkeys(map(str, folders)))
    raise DataError(f"{path}: image {names[0]} is in none of {tried}.")


def _last(name: str, parts: int) -> Path:
    """The last parts of a name."""
    return Path(name) if parts == ALL else Path(*Path(name).parts[-parts:])
