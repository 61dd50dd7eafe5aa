"""Reading frames in a thread, so that Ctrl-C works while a server is silent."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from threading import Event, Thread

from maenas.detector.media.images import Pixels

AHEAD = 4  # frames read before they are needed
POLL_S = 0.1


class ReadingAhead:
    """Frames that a thread reads.

    Args:
        frames: the frames; their errors are raised where they are taken.
        newest: whether a frame replaces one that was not taken yet, as for a live stream.
    """

    def __init__(self, frames: Iterator[Pixels], newest: bool) -> None:
        self._frames = frames
        self._newest = newest
        self._queue: queue.Queue[Pixels | BaseException] = queue.Queue(1 if newest else AHEAD)
        self._stopped = Event()
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Pixels]:
        while not isinstance(found := self._queue.get(), BaseException):
            yield found
        if not isinstance(found, StopIteration):
            raise found

    def stop(self, seconds: float) -> bool:
        """End the thread; returns whether it ended within a time."""
        self._stopped.set()
        self._thread.join(seconds + 1)
        return not self._thread.is_alive()

    def _read(self) -> None:
        end: BaseException = StopIteration()
        try:
            for frame in self._frames:
                self._put(frame)
                if self._stopped.is_set():
                    return
        except Exception as error:  # raised again where the frames are taken
            end = error
        self._put(end, keep=True)

    def _put(self, item: Pixels | BaseException, keep: bool = False) -> None:
        """Hand on an item; waits for room unless the newest frame replaces the last."""
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=0 if self._newest and not keep else POLL_S)
                return
            except queue.Full:
                if self._newest and not keep:
                    self._drop()

    def _drop(self) -> None:
        """Remove the frame that was not taken, unless it was taken just now."""
        try:
            self._queue.get_nowait()
        except queue.Empty:
            return
