"""Opening of files that a user names: only regular files up to a size limit."""

from __future__ import annotations

import os
import stat
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path
from typing import BinaryIO

from maenas.blocks.errors import MaenasError, SpecError
from maenas.blocks.files.suffixes import suffix_of

MIB = 2**20
GIB = 2**30
MISSING = "no such file."


def read_bytes(
    path: Path,
    *,
    limit: int,
    error: type[MaenasError] = SpecError,
    missing: str = MISSING,
) -> bytes:
    """The content of a file.

    Args:
        path: path of the file.
        limit: largest size of the file in bytes.
        error: class of the error.
        missing: message if the file does not exist.
    Raises:
        MaenasError: an error of class `error`, if it is no regular file, too large or unreadable.
    """
    with open_file(path, limit=limit, error=error, missing=missing) as file:
        try:
            return file.read()
        except OSError as cause:
            raise error(f"{path}: cannot be read: {cause.strerror or cause}.") from None


def read_text(
    path: Path,
    *,
    limit: int,
    error: type[MaenasError] = SpecError,
    missing: str = MISSING,
) -> str:
    """The content of a UTF-8 text file, without a byte order mark.

    The arguments and errors are those of `read_bytes`.
    """
    content = read_bytes(path, limit=limit, error=error, missing=missing)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        raise error(f"{path}: is not text in UTF-8{_encoding(path, content, cause)}.") from None


def _encoding(path: Path, content: bytes, cause: UnicodeDecodeError) -> str:
    """Where a file is not UTF-8, and how to save it."""
    advice = "save it as UTF-8" + (" (Excel: CSV UTF-8)" if suffix_of(path) == ".csv" else "")
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return f", but in UTF-16; {advice}"
    line = content.count(b"\n", 0, cause.start) + 1
    return f": line {line:,} has the byte 0x{content[cause.start]:02x}; {advice}"


def require_file(
    path: Path,
    *,
    limit: int,
    error: type[MaenasError] = SpecError,
    missing: str = MISSING,
) -> None:
    """Raise unless `open_file` accepts the file; call this before another library opens it.

    The arguments and errors are those of `read_bytes`.
    """
    open_file(path, limit=limit, error=error, missing=missing).close()


def open_file(
    path: Path,
    *,
    limit: int,
    error: type[MaenasError] = SpecError,
    missing: str = MISSING,
) -> BinaryIO:
    """Open a regular file for reading; a pipe is refused, because reading it could block.

    The arguments and errors are those of `read_bytes`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _WITHOUT_WAITING)
    except FileNotFoundError:
        raise error(f"{path}: {missing}") from None
    except IsADirectoryError:
        raise error(f"{path}: is a folder, not a file.") from None
    except ValueError:  # a NUL, or a character that is not allowed in file names
        raise error(f"{path!s:.80}: cannot be the name of a file.") from None
    except OSError as cause:
        if os.path.isdir(path):  # Windows reports "Permission denied"
            raise error(f"{path}: is a folder, not a file.") from None
        raise error(f"{path}: cannot be read: {cause.strerror or cause}.") from None
    state = os.fstat(descriptor)
    wrong = ""
    if stat.S_ISDIR(state.st_mode):
        wrong = "is a folder, not a file"
    elif not stat.S_ISREG(state.st_mode):
        wrong = "is a pipe or a device, not a file"
    elif state.st_size > limit:
        wrong = f"is larger than {limit / MIB:,.0f} MiB, the limit for such a file"
    if wrong:
        os.close(descriptor)
        raise error(f"{path}: {wrong}.")
    return os.fdopen(descriptor, "rb")


# Makes a pipe open at once, so that it can be detected; it has no effect on regular files.
_WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
