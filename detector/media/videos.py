"""Reading and writing videos frame by frame with PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Self, cast

import numpy as np

from maenas.blocks.files.plain_file import GIB, require_file
from maenas.detector.media.images import ImageError, Pixels

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

CODECS = ("libx264", "mpeg4")  # in order of preference; FFmpeg builds differ
DEFAULT_RATE = Fraction(25)
LARGEST = 1024 * GIB  # maximum size of a video
CANNOT_WRITE = "cannot be written"
MOST_PRECISE_RATE = 1001 * 60  # larger denominators are noise, which codecs reject


@dataclass(frozen=True, slots=True)
class Video:
    """An open video.

    Attributes:
        frames: upright frames in order; iteration raises ImageError where the file is damaged.
        count: number of frames that the file states, None if it states none.
        rate: frames a second.
    """

    frames: Iterator[Pixels]
    count: int | None
    rate: Fraction


@contextmanager
def open_video(path: Path) -> Iterator[Video]:
    """Open a video for reading.

    Raises:
        ImageError: if PyAV is missing, or the file is not a video.
    """
    av = _pyav(path)
    require_file(path, limit=LARGEST, error=ImageError)  # PyAV would wait for a pipe forever
    with _named(path, "cannot be read as a video"):
        container = av.open(str(path))
    with container:
        if not container.streams.video:
            raise ImageError(f"{path}: has no images, only sound.")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        rate = stream.average_rate or DEFAULT_RATE
        count = stream.frames
        if not count and stream.duration and stream.time_base:
            count = round(stream.duration * stream.time_base * rate)

        def frames() -> Iterator[Pixels]:
            with _named(path, "is damaged"):
                for frame in container.decode(stream):
                    turned = np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)
                    yield np.ascontiguousarray(turned)

        yield Video(frames(), count or None, rate)


class VideoWriter:
    """Writes frames to an MP4 file; all frames must have the size of the first.

    Args:
        path: path of the MP4 file.
        rate: frames a second.
    Raises:
        ImageError: if the file cannot be written.
    """

    def __init__(self, path: Path, rate: Fraction) -> None:
        self._av = _pyav(path)
        self._rate = rate.limit_denominator(MOST_PRECISE_RATE)
        self._path = path
        with _named(path, CANNOT_WRITE):
            self._container: OutputContainer = self._av.open(str(path), "w")
        self._stream: VideoStream | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with _named(self._path, CANNOT_WRITE):
            if self._stream is not None:
                self._container.mux(self._stream.encode(None))
            self._container.close()

    def write(self, pixels: Pixels) -> None:
        """Append a frame; odd sides get one more row or column, since codecs need even sides."""
        height, width = pixels.shape[:2]
        even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        with _named(self._path, CANNOT_WRITE):
            if self._stream is None:
                self._stream = self._add_stream(even.shape[0], even.shape[1])
            frame = self._av.VideoFrame.from_ndarray(even, format="rgb24")
            self._container.mux(self._stream.encode(frame))

    def _add_stream(self, height: int, width: int) -> VideoStream:
        codec = next(name for name in CODECS if name in self._av.codecs_available)
        stream = cast("VideoStream", self._container.add_stream(codec, rate=self._rate))
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        return stream


def _pyav(path: Path) -> ModuleType:
    try:
        import av
    except ImportError:
        raise ImageError(
            f"{path}: videos need PyAV; install it with: pip install -e '.[video]'."
        ) from None
    return av


@contextmanager
def _named(path: Path, what: str) -> Iterator[None]:
    """Convert errors of FFmpeg to an `ImageError` that names the file."""
    import av

    try:
        yield
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or error).rstrip(".")
        raise ImageError(f"{path}: {what}: {reason}.") from None
