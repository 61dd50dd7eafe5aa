"""Resolution of the paths and class names in a `data.yaml`."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from maenas.blocks.files.inside import fault_of_path
from maenas.blocks.files.suffixes import suffix_of
from maenas.blocks.files.words import did_you_mean, name_of, shown
from maenas.detector.data.dataset import DataError
from maenas.detector.data.readers.values import class_name, whole

LOG = logging.getLogger(__name__)
MOST_CLASSES = 100_000
VAL_WORDS = ("valid", "validation")  # keys of some tools for `val`
KNOWN = ("path", "train", "val", "test", "names", "nc")
YAML_NAMES = ("data.yaml", "dataset.yaml", "data.yml", "union.yaml")  # searched for in a folder
GENERIC = frozenset(("annotations", "data", "dataset", "images", "labels", "train", "val"))


def source_names(paths: Sequence[Path]) -> list[str]:
    """A different name for each data set: its file, or the first folder with a name of its own."""
    names: list[str] = []
    for path in paths:
        full = path.resolve()
        words = [full.name if full.is_dir() else full.stem, *(each.name for each in full.parents)]
        if f"{full.stem}{suffix_of(full)}" in YAML_NAMES:
            del words[0]
        name = next((word for word in words if word and word.lower() not in GENERIC), "data")
        numbered = (f"{name}-{number}" for number in count(2))
        names.append(name if name not in names else next(n for n in numbered if n not in names))
    return names


def with_usual_splits(keys: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a `data.yaml` with `val` for the other words for it, unless it has both."""
    other = next((word for word in VAL_WORDS if word in keys), None)
    if other is None or "val" in keys:
        return dict(keys)
    return {"val" if key == other else key: value for key, value in keys.items()}


def root_of(path: Path, keys: Mapping[str, Any]) -> Path:
    """Folder of the data set: `path`, relative to the yaml's folder or the working directory.

    Raises:
        DataError: if `path` cannot be the name of a folder.
    """
    folder = "" if keys.get("path") is None else keys["path"]
    if not isinstance(folder, str):
        raise DataError(f"{path}: path: must be text, got {name_of(folder)}.")
    require_path(f"{path}: path", folder)
    return next((each for each in _roots(path, folder) if each.is_dir()), path.parent)


def _roots(path: Path, folder: str) -> list[Path]:
    """Folders that `path` may mean, also with Windows separators; an absolute one is unchanged."""
    forms = dict.fromkeys((folder, folder.replace("\\", "/")))
    return [root for form in forms for root in (path.parent / form, Path(form))]


def class_names(path: Path, keys: Mapping[str, Any]) -> tuple[str, ...]:
    """Class names by index, from a list or map `names`; numbers where only `nc` is given.

    Raises:
        DataError: if names are missing, not text, not numbered 0 to N - 1, not `nc` in number, or
            repeated.
    """
    names, given = keys.get("names"), keys.get("nc")
    count = whole(given)
    if given is not None and (count is None or not 0 < count <= MOST_CLASSES):
        raise DataError(
            f"{path}: nc: must be a whole number from 1 to {MOST_CLASSES:,}, got {shown(given)}."
        )
    if names is None and count is not None:
        return tuple(str(index) for index in range(count))
    if isinstance(names, dict):
        names = {_index(key): name for key, name in names.items()}
        expected = list(range(len(names)))
        if sorted(names, key=str) != sorted(expected, key=str):
            raise DataError(
                f"{path}: names: must number the classes 0 to {len(names) - 1} without a gap, "
                f"got {shown(list(names))}."
            )
        names = [names[index] for index in expected]
    if not isinstance(names, list) or not names:
        hint = "" if "names" in keys else did_you_mean("names", [k for k in keys if k not in KNOWN])
        raise DataError(f"{path}: names: must list the classes, got {name_of(names)}{hint or '.'}")
    texts = tuple(class_name(f"{path}: names[{k}]", name) for k, name in enumerate(names))
    if count is not None and count != len(names):
        raise DataError(f"{path}: nc is {count}, but there are {len(names)} names; drop nc.")
    twice = next((name for name, number in Counter(texts).items() if number > 1), None)
    if twice is not None:
        raise DataError(f"{path}: names: must differ, got {twice!r} more than once.")
    return texts


def _index(key: object) -> object:
    """Number of a class; the text "0" means 0."""
    number = whole(key)
    return key if number is None else number


def find_entries(path: Path, keys: Mapping[str, Any], split: str) -> tuple[list[Path], Path]:
    """Folders and files of a split, and the folder that they are relative to.

    Paths are relative to `path`, which is relative to the yaml's own folder or, if nothing is
    there, to the working directory. They may lead anywhere on the disk: the author of a
    `data.yaml` decides where the images are.

    Raises:
        DataError: if the split is missing or empty, or nothing is at one of its paths.
    """
    value = keys.get(split)
    if value is None:
        others = [key for key in keys if key not in ("path", "names", "nc")]
        raise DataError(f"{path}: has no split {split!r}{did_you_mean(split, others) or '.'}")
    root = root_of(path, keys)
    folder = keys.get("path") or ""
    listed = value if isinstance(value, list) else [value]
    if not listed:
        raise DataError(f"{path}: {split}: is empty.")
    found = []
    for entry in listed:
        if not isinstance(entry, str) or not entry:
            raise DataError(f"{path}: {split}: must name a folder or file, got {name_of(entry)}.")
        require_path(f"{path}: {split}", entry)
        found.append(_find(path, split, entry, _roots(path, folder)))
    return found, root


def plain_path(path: Path) -> str:
    """Absolute path without `.` and `..`, the same for all spellings of one path.

    A `..` behind a link to a folder leads elsewhere than its spelling says, and stays.
    """
    plain = os.path.abspath(path)
    if ".." not in path.parts:
        return plain
    try:
        return plain if path.samefile(plain) else str(path.absolute())
    except (OSError, ValueError):  # no file is there, or none can be
        return str(path.absolute())


def is_beside(file: Path, found: Path) -> bool:
    """Whether a path named in a file is absolute or below its folder, not the working directory."""
    return found.is_absolute() or found.parts[: len(file.parent.parts)] == file.parent.parts


@cache  # a data set is opened several times
def log_elsewhere(where: str, expected: Path, found: Path) -> None:
    """Warn once that images come from the working directory, perhaps those of another data set.

    Args:
        where: file and key of the path.
        expected: path beside that file, where nothing is.
        found: path relative to the working directory.
    """
    LOG.warning(f"{where}: nothing is at {expected}; uses {found.resolve()}")


def require_path(where: str, name: str) -> None:
    """Raise `DataError` if no operating system accepts a name as a path.

    Args:
        where: file and key of the name.
        name: name to check.
    """
    wrong = "holds a character that cannot be printed" if not name.isprintable() else ""
    wrong = wrong or fault_of_path(name)
    if wrong:
        raise DataError(f"{where}: cannot be a path: {shown(name)} {wrong}.")


def _find(path: Path, split: str, entry: str, roots: list[Path]) -> Path:
    forms = dict.fromkeys((entry, entry.replace("\\", "/")))  # Windows separators
    tried = list(dict.fromkeys(root / form for root in roots for form in forms))
    if entry.startswith("../"):  # Roboflow's paths are one folder too high
        tried.append(path.parent / entry.removeprefix("../"))
    for candidate in tried:
        if candidate.exists():
            if not is_beside(path, candidate):
                log_elsewhere(f"{path}: {split}", tried[0], candidate)
            return candidate
    where = " nor at ".join(str(root / entry) for root in dict.fromkeys(roots))
    raise DataError(f"{path}: {split}: nothing is at {where}; correct `path` or `{split}`.")
