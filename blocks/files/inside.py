"""Names in files lead to something inside a folder, never out of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from maenas.blocks.errors import SpecError
from maenas.blocks.files.words import shown

LONGEST_NAME = 255  # bytes of one part of a path, on every file system in use


def inside(folder: Path, name: object, where: str = "") -> Path:
    """The path of `name`, below `folder`.

    Only the name is checked: a symbolic link that the user put into the folder may lead anywhere.
    Backslashes separate as slashes do, since the file may be read on another system.

    Args:
        folder: what the name must stay in.
        name: relative path, as a file of ours gives it.
        where: file and key that give the name, for the message; the folder if left out.
    Raises:
        SpecError: if it is no text, empty, absolute, or climbs out of the folder.
    """
    wrong = _wrong(name)
    if wrong:
        raise SpecError(
            f"{where or folder}: must name something inside {folder}: {shown(name)} {wrong}."
        )
    return folder / str(name)


def _wrong(name: object) -> str:
    """What is wrong with a name, as the end of a sentence; "" if it can be used."""
    if not isinstance(name, str):
        return "is not text"
    parts = re.split(r"[/\\]", name)
    if not name.strip("./\\ "):
        return "names nothing in it" if ".." not in parts else "leads out of it"
    if not parts[0] or re.match(r"[A-Za-z]:", name):
        return "is an absolute path"
    if ".." in parts:
        return "leads out of it"
    try:
        longest = max(len(os.fsencode(part)) for part in parts)
    except UnicodeEncodeError:
        return "is not valid text"
    if "\0" in name or longest > LONGEST_NAME:
        return "cannot be the name of a file"
    return ""
