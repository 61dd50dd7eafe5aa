"""Files written in one step: the whole new content or the old one, never half."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from maenas.blocks.errors import SpecError

TEMPORARY = ".tmp"  # ends the names of files that are not whole yet; they begin with a dot


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all: to a temporary name beside it, then renamed.

    Raises:
        SpecError: if the folder cannot be written or the disk is full.
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """`write_text` for bytes."""
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.", suffix=TEMPORARY
        )
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise SpecError(f"{path}: cannot be written: {error.strerror or error}.") from None


def is_temporary(name: str) -> bool:
    """Whether a file of that name is one of ours that a kill left half written."""
    return name.startswith(".") and name.endswith(TEMPORARY)


def sweep_temporaries(folder: Path) -> None:
    """Remove what kills left half written in a folder that nobody else writes into."""
    for path in folder.iterdir():
        if is_temporary(path.name) and path.is_file():
            path.unlink(missing_ok=True)
