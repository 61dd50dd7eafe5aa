"""Columns of a data set in files of NumPy that processes map into memory."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maenas.blocks.files.boundary import parsing
from maenas.detector.data.dataset import DataError
from maenas.detector.data.samples import Outlines, Samples

OUTLINES = ("points", "parts", "objects")  # fields of `Outlines`


@dataclass(frozen=True, slots=True)
class IndexedSamples(Samples):
    """Columns mapped from the files of a folder.

    Another process gets the path of the folder instead of the arrays, unless one of them was
    replaced.

    Attributes:
        folder: folder of the files.
        opened: identities of the arrays as they were opened.
    """

    folder: Path = Path()
    opened: tuple[int, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        if self.opened == identities(self):
            return open_columns, (self.folder, self.folders)
        return Samples, tuple(getattr(self, each.name) for each in fields(Samples))


def arrays_of(columns: Samples) -> dict[str, NDArray[Any]]:
    """Each array of the columns by the name of its file."""
    found: dict[str, NDArray[Any]] = {}
    for each in fields(Samples):
        value = getattr(columns, each.name)
        if isinstance(value, Outlines):
            found |= {f"outline_{part}": getattr(value, part) for part in OUTLINES}
        elif isinstance(value, np.ndarray):
            found[each.name] = value
    return found


def identities(columns: Samples) -> tuple[int, ...]:
    """Identity of each array."""
    return tuple(map(id, arrays_of(columns).values()))


def save_columns(columns: Samples, folder: Path) -> None:
    """Write each array into a file of its own."""
    for name, array in arrays_of(columns).items():
        with (folder / f"{name}.npy").open("wb") as file:
            np.save(file, array, allow_pickle=False)


def open_columns(folder: Path, folders: tuple[Path, ...]) -> IndexedSamples:
    """Map the columns in a folder; nothing is read until it is used.

    Args:
        folder: folder of the files.
        folders: folders of the images.
    Raises:
        DataError: if a file is missing or damaged.
    """
    outlines = Outlines(*(load_array(folder / f"outline_{part}.npy") for part in OUTLINES))
    arrays: dict[str, Any] = {
        each.name: load_array(folder / f"{each.name}.npy")
        for each in fields(Samples)
        if each.name not in ("folders", "outlines")
    }
    made = IndexedSamples(folders=folders, outlines=outlines, folder=folder, **arrays)
    object.__setattr__(made, "opened", identities(made))
    return made


def load_array(path: Path) -> NDArray[Any]:
    """Map an array into memory.

    Raises:
        DataError: if the file is missing or damaged.
    """
    hint = "the index of the data set was deleted or damaged, start again to build it"
    with parsing(path, error=DataError, wrong="cannot be read", hint=hint):
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
