"""Names of image files in a written data set: different, and valid in every format."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from maenas.blocks.files.suffixes import suffix_of
from maenas.detector.media.images import IMAGE_SUFFIXES

LONGEST = 200  # bytes of a name without suffix; file systems allow 255
RISKY = re.compile(r"[^\w.+=@~()\[\],!-]+")  # white space separates columns in the lists of VOC


def file_names(paths: Iterable[Path]) -> dict[Path, str]:
    """Name in one folder for each image file.

    A name is that of the file, with `_` for characters that are not letters, digits or plain
    punctuation. Label files are named after the stem, so stems must differ, also where case does
    not count: files that share a stem are named after their folders too, or get a number.
    """
    taken: set[str] = set()
    names: dict[Path, str] = {}
    for path in sorted(set(paths)):
        stem = next(each for each in _stems(path) if each.casefold() not in taken)
        taken.add(stem.casefold())
        names[path] = stem + _suffix(path)
    return names


def _stems(path: Path) -> Iterable[str]:
    """Stems in the order of preference."""
    short = _safe(path.stem)
    yield short
    long = _safe("_".join((*path.parts[-3:-1], path.stem)))
    yield long
    number = 2
    while True:
        yield f"{long}_{number}"
        number += 1


def _suffix(path: Path) -> str:
    """Suffix of the file; `.jpg` where it is none of an image, since readers go by the suffix."""
    return path.suffix if suffix_of(path) in IMAGE_SUFFIXES else ".jpg"


def _safe(text: str) -> str:
    printable = os.fsencode(text).decode("utf-8", "replace").replace("�", "_")
    safe = RISKY.sub("_", printable).encode()[:LONGEST].decode("utf-8", "ignore")
    return safe.lstrip(".") or "image"  # readers leave out hidden files
