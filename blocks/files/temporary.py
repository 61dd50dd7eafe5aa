"""Temporary files and folders, recognised by their names and removed by the next writer."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = ".maenas-tmp-"


def is_temporary(name: str) -> bool:
    """Whether the name belongs to a temporary file or folder of this project."""
    return name.startswith(PREFIX)


def sweep_temporaries(folder: Path) -> None:
    """Remove leftovers of killed processes from a folder that no other process writes to."""
    for path in folder.iterdir():
        if is_temporary(path.name):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def temporary_file(folder: Path) -> tuple[int, Path]:
    """File descriptor and path of a new file in `folder`, open for writing."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=PREFIX)
    return handle, Path(name)


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A new folder in `parent`, removed with its content at the end of the block."""
    with tempfile.TemporaryDirectory(dir=parent, prefix=PREFIX) as name:
        yield Path(name)
