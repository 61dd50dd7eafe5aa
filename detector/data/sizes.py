"""Cache of image sizes between runs: label files give shares of the image, boxes need pixels."""

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
from maenas.detector.media.images import ImageError, opened_image
from maenas.detector.media.upright import upright_size

FORMAT = "maenas/image-sizes@2"  # raise it when the size of the same file is read otherwise
WORTH_KEEPING = 1000  # images; opening fewer is as fast as the cache

Known = list[int]  # modification time in ns, bytes, height, width


class Sizes:
    """Cached sizes of the images of one split.

    An image is opened again when its modification time or file size differs.

    Args:
        source: file of the data set.
        split: name of the split.
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
            write_text(self._file, json.dumps({"format": FORMAT, "sizes": self._seen}))
        except (OSError, SpecError):
            pass  # the cache only saves time

    def of(self, image: Path) -> tuple[int, int]:
        """(height, width) of the image, upright.

        Raises:
            ImageError: if the file is missing, damaged or not an image.
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
        ImageError: if the image has no size.
    """
    with opened_image(path) as opened:
        height, width = upright_size(opened)
    if width < 1 or height < 1:
        raise ImageError(f"{path}: has no pixels ({width}x{height}).")
    return height, width


def _load(path: Path) -> dict[str, Known]:
    """Cached sizes; {} if the file is missing, malformed or of another version."""
    try:
        data = read_json(path)
    except SpecError:
        return {}
    sizes = data.get("sizes")
    if data.get("format") != FORMAT or not isinstance(sizes, dict):
        return {}
    return {
        name: known
        for name, known in sizes.items()
        if isinstance(known, list) and len(known) == 4 and all(type(k) is int for k in known)
    }
