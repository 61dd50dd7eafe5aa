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
from maenas.blocks.plugins.extras import missing
from maenas.detector.media.images import ImageError, Pixels

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.video.stream import VideoStream

CODECS = ("libx264", "mpeg4")  # in order of preference; FFmpeg builds differ
DEFAULT_RATE = Fraction(25)
CLOCK = Fraction(1, 1000)  # seconds, unit of the times of live frames
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
        is_live: whether it is recorded just now; frames that are not taken in time are lost.
    """

    frames: Iterator[Pixels]
    count: int | None
    rate: Fraction
    is_live: bool = False


@contextmanager
def open_video(path: Path) -> Iterator[Video]:
    """Open a video for reading.

    Raises:
        ImageError: if PyAV is missing, or the file is not a video.
    """
    av = pyav(path)
    require_file(path, limit=LARGEST, error=ImageError)  # PyAV would wait for a pipe forever
    with named(path, "cannot be read as a video"):
        container = av.open(str(path))
    with container:
        _, rate, count, frames = video_stream(container, path)
        yield Video(frames, count, rate)


def video_stream(
    container: InputContainer, where: Path | str
) -> tuple[VideoStream, Fraction, int | None, Iterator[Pixels]]:
    """The images of a container: their stream, frames a second, number, and the frames upright.

    Raises:
        ImageError: if it has no images; the iteration raises it where they are damaged.
    """
    if not container.streams.video:
        raise ImageError(f"{where}: has no images, only sound.")
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    rate = stream.average_rate or DEFAULT_RATE
    count = stream.frames
    if not count and stream.duration and stream.time_base:
        count = round(stream.duration * stream.time_base * rate)

    def frames() -> Iterator[Pixels]:
        with named(where, "is damaged"):
            for frame in container.decode(stream):
                turned = np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)
                yield np.ascontiguousarray(turned)

    return stream, rate, count or None, frames()


class VideoWriter:
    """Writes frames to an MP4 file; all frames must have the size of the first.

    Args:
        path: path of the MP4 file.
        rate: frames a second.
    Raises:
        ImageError: if the file cannot be written.
    """

    def __init__(self, path: Path, rate: Fraction) -> None:
        self._av = pyav(path)
        self._rate = rate.limit_denominator(MOST_PRECISE_RATE)
        self._path = path
        with named(path, CANNOT_WRITE):
            self._container: OutputContainer = self._av.open(str(path), "w")
        self._stream: VideoStream | None = None
        self._last = -1  # time of the last frame, if frames have times

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with named(self._path, CANNOT_WRITE):
            if self._stream is not None:
                self._container.mux(self._stream.encode(None))
            self._container.close()

    def write(self, pixels: Pixels, second: float | None = None) -> None:
        """Append a frame; odd sides get one more row or column, since codecs need even sides.

        Args:
            pixels: the frame.
            second: time of the frame in seconds; by the frame rate if None.
        """
        height, width = pixels.shape[:2]
        even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        with named(self._path, CANNOT_WRITE):
            if self._stream is None:
                self._stream = self._add_stream(even.shape[0], even.shape[1])
                if second is not None:
                    self._stream.codec_context.time_base = CLOCK
            frame = self._av.VideoFrame.from_ndarray(even, format="rgb24")
            if second is not None:
                self._last = max(self._last + 1, round(second / CLOCK))
                frame.pts, frame.time_base = self._last, CLOCK
            self._container.mux(self._stream.encode(frame))

    def _add_stream(self, height: int, width: int) -> VideoStream:
        codec = next(name for name in CODECS if name in self._av.codecs_available)
        stream = cast("VideoStream", self._container.add_stream(codec, rate=self._rate))
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        return stream


def pyav(where: Path | str) -> ModuleType:
    """PyAV.

    Raises:
        ImageError: if it is not installed.
    """
    try:
        import av
    except ImportError:
        raise ImageError(missing("av", f"{where}: a video")) from None
    return av


@contextmanager
def named(path: Path | str, what: str) -> Iterator[None]:
    """Convert errors of FFmpeg to an `ImageError` that names the file."""
    import av

    try:
        yield
    except av.error.ExitError:
        raise ImageError(f"{path}: {what}: no answer in time.") from None
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or error).rstrip(".")
        raise ImageError(f"{path}: {what}: {reason}.") from None
