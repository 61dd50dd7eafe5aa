"""Files in a folder without those that tools and operating systems leave there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

LEFT_BY_MACOS = "__MACOSX"  # folder in archives, with a `._` file for each file


def is_visible(name: str) -> bool:
    """Whether a file or folder belongs to the user: its name is not hidden, nor left by macOS."""
    return not name.startswith(".") and name != LEFT_BY_MACOS


def visible_files(folder: Path, suffix: str = "") -> list[Path]:
    """Visible files in a folder, not in its subfolders, sorted by name.

    Args:
        folder: folder that holds the files.
        suffix: suffix of the files in lower case, such as ".xml", found in any case; "" for any.
    """
    names = (
        name for name in os.listdir(folder) if is_visible(name) and name.lower().endswith(suffix)
    )
    return [folder / name for name in sorted(names)]


def all_visible_files(folder: Path) -> list[Path]:
    """Visible files in a folder and its visible subfolders, sorted by path.

    Links to folders are followed. Each folder is read once, by its own path if it has one inside
    `folder`; links to it and to the folders that hold it are left out, so that no loop arises.
    """
    start = folder.resolve()
    seen = set(start.parents)
    found: list[Path] = []
    waiting, links = [folder], list[Path]()
    while waiting or links:
        place = waiting.pop() if waiting else links.pop(0)
        if (real := _real(place)) in seen:
            continue
        seen.add(real)
        for entry in sorted(_entries(place), key=lambda entry: entry.name):
            path = place / entry.name
            if not _is_folder(entry):
                found.append(path)
            elif entry.is_symlink():
                links.append(path)
            else:
                waiting.append(path)
    return sorted(found)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry for entry in entries if is_visible(entry.name))
    except PermissionError:
        return  # as in a search by the shell


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
