"""Checks of a path named in a file: that it can be one, and that it stays inside a folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from maenas.blocks.errors import SpecError
from maenas.blocks.files.words import shown

LONGEST_NAME = 255  # bytes of one part of a path, the limit of common file systems
LONGEST_PATH = 2048  # bytes, half of what Linux allows, which leaves room for the folder before it


def inside(folder: Path, name: object, where: str = "") -> Path:
    """The path of `name` inside `folder`.

    Only the name is checked; a symbolic link in the folder may point outside it. Backslashes count
    as separators too, because the file may be read on another operating system.

    Args:
        folder: folder that must contain the path.
        name: relative path from a file.
        where: file and key of the name, for the message; the folder if empty.
    Raises:
        SpecError: if the name is not text, is empty or absolute, or leads out of the folder.
    """
    wrong = fault_of(name)
    if wrong:
        raise SpecError(
            f"{where or folder}: must name something inside {folder}: {shown(name)} {wrong}."
        )
    return folder / str(name)


def fault_of(name: object) -> str:
    """The fault of a name, as the end of a sentence; "" if the name is valid."""
    if not isinstance(name, str):
        return "is not text"
    parts = re.split(r"[/\\]", name)
    if not name.strip("./\\ "):
        return "names nothing in it" if ".." not in parts else "leads out of it"
    if not parts[0] or re.match(r"[A-Za-z]:", name):
        return "is an absolute path"
    depth = 0
    for part in parts:
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            return "leads out of it"
    return fault_of_path(name) if depth else "names nothing in it"


def fault_of_path(path: str) -> str:
    """Why no operating system accepts text as a path, as the end of a sentence; "" if it does."""
    try:
        longest = max(len(os.fsencode(part)) for part in re.split(r"[/\\]", path))
        whole = len(os.fsencode(path))
    except UnicodeEncodeError:
        return "is not valid text"
    if "\0" in path:
        return "holds a NUL, which no name of a file may"
    if longest > LONGEST_NAME:
        return f"is too long: {longest:,} bytes, a name of a file has at most {LONGEST_NAME}"
    if whole > LONGEST_PATH:
        return f"is too long: {whole:,} bytes, a path has at most {LONGEST_PATH:,}"
    return ""
