"""What a `data.yaml` names, found on the disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maenas.blocks.files.words import did_you_mean, name_of
from maenas.detector.data.dataset import DataError

MOST_CLASSES = 100_000
KNOWN = ("path", "train", "val", "test", "names", "nc")


def class_names(path: Path, keys: Mapping[str, Any]) -> tuple[str, ...]:
    """`names` by index, from a list or a map; numbers where only `nc` is given.

    Raises:
        DataError: if they are missing, no text, not 0 to N - 1, not as many as `nc`, or one is
            there twice.
    """
    names, count = keys.get("names"), keys.get("nc")
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
        raise DataError(f"{path}: nc: must be a whole number of at least 1, got {count!r}.")
    if count is not None and count > MOST_CLASSES:
        raise DataError(f"{path}: nc: must be at most {MOST_CLASSES:,}, got {count}.")
    if names is None and count is not None:
        return tuple(str(index) for index in range(count))
    if isinstance(names, dict):
        names = {_index(key): name for key, name in names.items()}
        expected = list(range(len(names)))
        if sorted(names, key=str) != sorted(expected, key=str):
            raise DataError(
                f"{path}: names: must number the classes 0 to {len(names) - 1} without a gap, "
                f"got {', '.join(map(str, names))}."
            )
        names = [names[index] for index in expected]
    if not isinstance(names, list) or not names:
        hint = "" if "names" in keys else did_you_mean("names", [k for k in keys if k not in KNOWN])
        raise DataError(f"{path}: names: must list the classes, got {name_of(names)}{hint or '.'}")
    for index, name in enumerate(names):
        if not isinstance(name, str | int | float):
            raise DataError(f"{path}: names[{index}]: must be text, got {name_of(name)}.")
    if count is not None and count != len(names):
        raise DataError(f"{path}: nc is {count}, but there are {len(names)} names; drop nc.")
    texts = tuple(map(str, names))
    twice = next((name for name, number in Counter(texts).items() if number > 1), None)
    if twice is not None:
        raise DataError(f"{path}: names: must differ, got {twice!r} more than once.")
    return texts


def _index(key: object) -> object:
    """A class' number; "0" is taken for 0."""
    return int(key) if isinstance(key, str) and key.isdecimal() else key


def find_entries(path: Path, keys: Mapping[str, Any], split: str) -> tuple[list[Path], Path]:
    """The folders and files of a split, and the folder they are relative to.

    Paths are relative to `path`, which is relative to the yaml's own folder, and if nothing is
    there to the working directory.

    Raises:
        DataError: if the split is missing or empty, or nothing is at one of its paths.
    """
    named = keys.get(split)
    if named is None:
        others = [key for key in keys if key not in ("path", "names", "nc")]
        raise DataError(f"{path}: has no split {split!r}{did_you_mean(split, others) or '.'}")
    root = keys.get("path") or ""
    if not isinstance(root, str):
        raise DataError(f"{path}: path: must be text, got {name_of(root)}.")
    listed = named if isinstance(named, list) else [named]
    if not listed:
        raise DataError(f"{path}: {split}: is empty.")
    roots = [path.parent / root, Path(root)]  # an absolute `path` stays itself
    found = []
    for entry in listed:
        if not isinstance(entry, str) or not entry:
            raise DataError(f"{path}: {split}: must name a folder or file, got {name_of(entry)}.")
        found.append(_find(path, split, entry, roots))
    return found, next((each for each in roots if each.is_dir()), path.parent)


def _find(path: Path, split: str, entry: str, roots: list[Path]) -> Path:
    tried = list(dict.fromkeys(root / entry for root in roots))
    if entry.startswith("../"):  # Roboflow writes it one folder too high
        tried.append(path.parent / entry.removeprefix("../"))
    for candidate in tried:
        if candidate.exists():
            return candidate
    places = " nor at ".join(str(each) for each in tried[:2])
    raise DataError(f"{path}: {split}: nothing is at {places}; correct `path` or `{split}`.")
