"""Sizes of images, remembered between runs: label files give shares, boxes are in pixels."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import TracebackType
from typing import Self

from platformdirs import user_cache_path

from maenas.blocks.errors import SpecError
from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.json_file import read_json
from maenas.detector.media.images import ORIENTATION, ImageError, opened_image

SIDEWAYS = range(5, 9)  # EXIF orientations that exchange width and height
WORTH_KEEPING = 1000  # images; fewer are opened in the time it takes to look them up

Known = list[int]  # seconds of change in ns, bytes, height, width


class Sizes:
    """The sizes of the images of one split.

    An image is looked at again when its time of change or its length differs.

    Args:
        source: the data set's file.
        split: of it.
    """

    def __init__(self, source: Path, split: str) -> None:
        name = hashlib.sha256(f"{source}\n{split}".encode()).hexdigest()[:16]
        self._file = user_cache_path("maenas") / "images" / f"{name}.json"
        self._known = _load(self._file)
        self._seen: dict[str, Known] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if len(self._seen) < WORTH_KEEPING or self._seen == self._known:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_text(self._file, json.dumps(self._seen))
        except (OSError, SpecError):
            pass  # nothing depends on it but time

    def of(self, image: Path) -> tuple[int, int]:
        """(height, width) of the image, upright.

        Raises:
            ImageError: if it is missing, damaged or no image.
        """
        name = str(image)
        try:
            state = image.stat()
        except OSError as error:
            raise ImageError(f"{image}: cannot be read: {error.strerror}.") from None
        stamp = [state.st_mtime_ns, state.st_size]
        known = self._known.get(name, [])
        if known[:2] != stamp:
            known = [*stamp, *size_of(image)]
        self._seen[name] = known
        return known[2], known[3]


def size_of(path: Path) -> tuple[int, int]:
    """(height, width) of an image, upright, from its header alone.

    Raises:
        ImageError: if it has none.
    """
    with opened_image(path) as opened:
        if opened.format == "TIFF":
            opened.load()  # which turns it, unlike others
        width, height = opened.size
        # Pillow decodes a whole PNG to look for tags behind its pixels
        tagged = opened.format != "PNG" or "exif" in opened.info
        turned = tagged and opened.getexif().get(ORIENTATION) in SIDEWAYS
    if width < 1 or height < 1:
        raise ImageError(f"{path}: has no pixels ({width}x{height}).")
    return (width, height) if turned else (height, width)


def _load(path: Path) -> dict[str, Known]:
    """What was remembered; nothing if the file is missing or not as we write it."""
    try:
        data = read_json(path)
    except SpecError:
        return {}
    return {
        name: known
        for name, known in data.items()
        if isinstance(known, list) and len(known) == 4 and all(type(k) is int for k in known)
    }
