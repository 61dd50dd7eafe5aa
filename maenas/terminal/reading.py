"""Progress of reading the labels of a data set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from maenas.detector.data.readers.reading import reported_to
from maenas.terminal.progress import PLAIN_EVERY_S, ItemLine, rate_text


@contextmanager
def reading_line(name: str, split: str, every_s: float = PLAIN_EVERY_S) -> Iterator[None]:
    """Show how many images of a split have been read inside the block, and what is left.

    Args:
        name: name of the task.
        split: name of the split.
        every_s: seconds between two plain lines.
    """
    with ItemLine(name, 1, "images", every_s=every_s) as line:
        line.write(0.0, f"reading {split}")

        def show(done: int, total: int) -> None:
            line.total = total
            line.show(done, f"reading {split}", rate_text(line.rate(done)))

        with reported_to(show):
            yield
