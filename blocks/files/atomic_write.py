"""Files written in one step: the whole new content or the old one, never half."""

from __future__ import annotations

import os
from pathlib import Path

from maenas.blocks.errors import SpecError
from maenas.blocks.files.temporary import temporary_file


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all: to a temporary name beside it, then renamed.

    Raises:
        SpecError: if the folder cannot be written or the disk is full.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_bytes(path: Path, content: bytes) -> None:
    """`write_text` for bytes."""
    temporary: Path | None = None
    try:
        handle, temporary = temporary_file(path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise SpecError(f"{path}: cannot be written: {error.strerror or error}.") from None
