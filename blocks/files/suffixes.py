"""Suffixes of files, whose case does not count: `.JSON` is `.json`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from maenas.blocks.errors import MaenasError

YAML = (".yaml", ".yml")


def suffix_of(path: PurePath | str) -> str:
    """Suffix of a path in lower case, such as ".json"."""
    return PurePath(path).suffix.lower()


def is_yaml(path: PurePath | str) -> bool:
    """Whether a path is that of a YAML file, by its suffix."""
    return suffix_of(path) in YAML


def in_any_case(path: Path, error: type[MaenasError]) -> Path:
    """The file at a path whose suffix may be in any case; the path itself if there is none.

    Args:
        path: path with a suffix in lower case; a file with exactly this name comes first.
        error: class of the error.
    Raises:
        MaenasError: an error of class `error`, if there are several files with capitals.
    """
    return path if os.path.lexists(path) else SuffixCases(error).find(path)


class SuffixCases:
    """Search for files whose suffix may be in any case; each folder is listed once.

    Args:
        error: class of the error where a path has several files.
    """

    def __init__(self, error: type[MaenasError]) -> None:
        self._error = error
        self._others: dict[tuple[Path, str], Mapping[str, Sequence[str]]] = {}

    def find(self, path: Path) -> Path:
        """The file at a path with a suffix in lower case; the path itself if there is none.

        Raises:
            MaenasError: if there are several, such as a.txt and a.TXT.
        """
        place = path.parent, path.suffix
        if place not in self._others:
            self._others[place] = _with_capitals(*place)
        others = self._others[place].get(path.name, ())
        if not others:
            return path
        found: dict[tuple[int, int], Path] = {}  # links to one file are one file
        for each in (path, *(path.parent / name for name in others)):
            try:
                state = os.stat(each)
            except OSError:
                continue
            found.setdefault((state.st_dev, state.st_ino), each)
        if len(found) > 1:
            names = " and as ".join(each.name for each in found.values())
            raise self._error(f"{path}: is there as {names}.")
        return next(iter(found.values()), path)


def _with_capitals(folder: Path, suffix: str) -> dict[str, list[str]]:
    """Names in a folder whose suffix has capitals, by the names with the suffix in lower case."""
    found: dict[str, list[str]] = {}
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if _has_capitals(entry.name, suffix))
    except OSError:  # there is no such folder, or it may not be listed
        return found
    for name in names:
        found.setdefault(name[: -len(suffix)] + suffix, []).append(name)
    return found


def _has_capitals(name: str, suffix: str) -> bool:
    return name.lower().endswith(suffix) and not name.endswith(suffix)
