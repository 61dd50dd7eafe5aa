"""Stamps of files and folders, by which an index knows that its data set has not changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from maenas.detector.data.dataset import Dataset

FORMAT = "maenas/index@4"  # raise it when a reader changes what it makes of the same files

Stamp = tuple[int, int]  # bytes and modification time in ns; zeros where there is none


def stamp_of(path: Path) -> Stamp:
    """Stamp of a file, or of a folder, whose time changes with the files listed in it."""
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return 0, 0
    return state.st_size, state.st_mtime_ns


def key_of(reader: str, source: Path, split: str, files: Sequence[Path]) -> str:
    """Name of the index of a split: another one whenever one of its files changes.

    Args:
        reader: name of the format.
        source: data set as it was named.
        split: name of the split.
        files: files that its labels come from.
    """
    state = hashlib.sha256(f"{FORMAT}\n{reader}\n{source.resolve()}\n{split}\n".encode())
    for path in files:
        size, time = stamp_of(path)
        state.update(os.fsencode(f"{path.resolve()} {size} {time}\n"))
    return state.hexdigest()[:32]


def folder_times(folders: Iterable[str]) -> dict[str, int]:
    """Modification time in ns of each folder; it changes when a file comes or goes."""
    return {folder: stamp_of(Path(folder))[1] for folder in folders}


def watched_folders(dataset: Dataset) -> list[str]:
    """Folders whose changes may change a data set.

    They are the folders of its images, and where an image is missing also those above.
    """
    folders = dict.fromkeys(map(str, dataset.columns.folders))
    if any(problem.group == "images" for problem in dataset.problems):
        folders |= dict.fromkeys(str(folder.parent) for folder in dataset.columns.folders)
    return list(folders)
