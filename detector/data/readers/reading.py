"""Progress of reading a data set: readers count their images, and a command may listen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Item = TypeVar("Item")
Listener = Callable[[int, int], object]

EVERY = 100  # images between two reports
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


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
