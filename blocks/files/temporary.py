"""Temporary files and folders of ours, recognised by name and swept by the next writer."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = ".maenas-tmp-"


def is_temporary(name: str) -> bool:
    """Whether a file or folder of that name is one of ours that a kill left half written."""
    return name.startswith(PREFIX)


def sweep_temporaries(folder: Path) -> None:
    """Remove what kills left half written in a folder that nobody else writes into."""
    for path in folder.iterdir():
        if is_temporary(path.name):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def temporary_file(folder: Path) -> tuple[int, Path]:
    """A new file in `folder`, open for writing: its handle and path."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=PREFIX)
    return handle, Path(name)


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A new folder in `parent`, removed at the end with all that it holds."""
    with tempfile.TemporaryDirectory(dir=parent, prefix=PREFIX) as name:
        yield Path(name)
