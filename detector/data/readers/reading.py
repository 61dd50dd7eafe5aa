"""Progress of reading a data set: readers count their images, and a command may listen."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")
Listener = Callable[[int, int], object]

EVERY = 100  # images between two reports
LOG_EVERY_S = 15.0
LOG = logging.getLogger(__name__)
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


class ReadLog:
    """Log of how much of a large file has been read, at most every `LOG_EVERY_S` seconds.

    Args:
        path: path of the file.
        size: bytes of the file.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._path, self._size = path, size
        self._started = self._logged = time.monotonic()

    def at(self, done: int) -> None:
        """Log the share of the file that has been read, and the time that the rest takes."""
        now = time.monotonic()
        if now - self._logged < LOG_EVERY_S:
            return
        self._logged = now
        left = (now - self._started) * (self._size - done) / done
        LOG.info(
            f"{self._path}: {done / self._size:.0%} of {self._size / 1e9:.1f} GB read, about "
            f"{left:.0f} s left"
        )


@contextmanager
def reported_to(listener: Listener) -> Iterator[None]:
    """Call a function with the numbers of images read and of all images, inside the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def counted(items: Sequence[Item]) -> Iterator[tuple[int, Item]]:
    """Enumerate the images of a split while they are read, and report their number."""
    listener = _listener.get()
    for index, item in enumerate(items):
        if listener is not None and index % EVERY == 0 and index:
            listener(index, len(items))
        yield index, item
