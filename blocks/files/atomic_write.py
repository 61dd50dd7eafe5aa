"""Atomic writes: a file holds either its complete old or its complete new content."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from maenas.blocks.errors import SpecError
from maenas.blocks.files.temporary import temporary_file

LOG = logging.getLogger(__name__)


def write_text(path: Path, text: str) -> None:
    """Write a file atomically: write a temporary file in the same folder, then rename it.

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
        LOG.debug("wrote %s, %d bytes", path, len(content))
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise SpecError(f"{path}: cannot be written: {error.strerror or error}.") from None
