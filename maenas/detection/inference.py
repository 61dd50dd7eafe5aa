"""Inference on images and videos: read, predict, draw, count."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image

from maenas.blocks.files.suffixes import suffix_of
from maenas.detection.predictor import Predictor
from maenas.detector.media.addresses import Address
from maenas.detector.media.images import ImageError, Pixels, Source, read_image
from maenas.detector.media.remote import open_camera, open_stream, read_remote_image
from maenas.detector.media.videos import Video, VideoWriter, open_video
from maenas.detector.ops.thresholds import Thresholds
from maenas.detector.predict.draw import draw, draw_readable
from maenas.detector.predict.results import CocoIds, Objects, coco_results
from maenas.terminal.progress import Counter

# Image formats that are written in the format of the input; others are written as PNG.
KEPT = frozenset([".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"])
JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True)
class Frame:
    """One image, or one frame of a video.

    Attributes:
        source: file that it was read from.
        pixels: pixels of the image, (height, width, 3), RGB in 8 bits.
        frame: number of the frame from 0; None for an image.
        rate: frame rate of the video in frames a second.
        second: time of a frame of a live stream in seconds; None for files.
    """

    source: Source
    pixels: Pixels
    frame: int | None = None
    rate: Fraction = Fraction(1)
    second: float | None = None


@dataclass(frozen=True, slots=True)
class FileObjects:
    """Objects in one image, or in one frame of a video.

    Attributes:
        file: path or address of the image or video.
        objects: detections in the image.
        frame: number of the frame from 0; None for an image.
        image_id: id of the image in COCO results; None without such results.
    """

    file: Path | Address
    objects: Objects
    frame: int | None = None
    image_id: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The objects as plain data; `frame` and `image_id` only where there are some."""
        numbers = {"frame": self.frame, "image_id": self.image_id}
        return {
            "file": str(self.file),
            **{name: number for name, number in numbers.items() if number is not None},
            **self.objects.to_json(),
        }


@dataclass(slots=True)
class Inference:
    """Counts and detections of an inference, updated while it runs.

    Attributes:
        looked: number of images and frames.
        worked: files of which at least one image was read.
        failed: reason for each file that could not be read, or not to its end.
        tally: number of detections of each class, by class name.
        seconds: time of each image in seconds, by part of the work.
        images: detections in each image, if they are kept.
        coco: COCO results, if they are wanted.
        interrupted: whether the user stopped it.
    """

    looked: int = 0
    worked: set[Path | Address] = field(default_factory=set)
    failed: dict[Path | Address, str] = field(default_factory=dict)
    tally: Tally[str] = field(default_factory=Tally)
    seconds: dict[str, list[float]] = field(
        default_factory=lambda: {name: [] for name in ("read", "before", "network", "after")}
    )
    images: list[FileObjects] = field(default_factory=list)
    coco: list[dict[str, Any]] = field(default_factory=list)
    interrupted: bool = False


def infer(
    sources: Sequence[Source],
    detector: Predictor,
    thresholds: Thresholds,
    batch: int = 1,
    folder: Path | None = None,
    keep: bool = False,
    ids: CocoIds | None = None,
    most: int | None = None,
    one_label: bool = False,
) -> Inference:
    """Detect objects in every image and frame; files that cannot be read are skipped.

    Args:
        sources: the files.
        detector: detector to run.
        thresholds: thresholds of the detections.
        batch: number of images that the network takes at a time.
        folder: folder for images and videos with drawn boxes; None writes none.
        keep: whether the result keeps the detections of every image.
        ids: ids of images and categories, if COCO results are wanted.
        most: maximum number of images and frames; all if None.
        one_label: whether a box that a more confident one of another class overlaps is dropped.
    Raises:
        MaenasError: if something cannot be written.
    """
    inference = Inference()
    with Counter("detect", len(sources), "images") as counter, Album(folder, sources) as album:
        every_frame = _frames(sources, inference, counter)
        frames = islice(every_frame, most)
        try:
            detector.warm_up(thresholds)
            while some := list(islice(frames, batch)):
                every, spent = detector.predict_batch([frame.pixels for frame in some], thresholds)
                if one_label:
                    every = [found.with_one_label(thresholds.max_iou) for found in every]
                for name in ("before", "network", "after"):
                    inference.seconds[name] += [getattr(spent, name) / len(some)] * len(some)
                for frame, found in zip(some, every, strict=True):
                    album.add(frame, found)
                    _count(inference, frame, found, keep, ids)
                counter.advance(len(some))
        except KeyboardInterrupt:
            inference.interrupted = True
        every_frame.close()
    return inference


class Album:
    """Writer of images and videos with drawn boxes, under the names of their sources.

    Args:
        folder: folder to write into; None writes nothing.
        sources: all sources, so that two of the same name get different files.
    """

    def __init__(self, folder: Path | None, sources: Sequence[Source]) -> None:
        self._folder = folder
        self._names: dict[Path | Address, Path] = {}
        self._stack = ExitStack()
        self._film: tuple[Path, VideoWriter] | None = None
        taken: set[Path] = set()
        for source in sources:
            name = Path(source.name)
            if source.is_video:
                name = name.with_suffix(".mp4")
            elif suffix_of(name) not in KEPT:
                name = name.with_name(f"{name.name}.png")
            free, number = name, 1
            while free in taken:
                number += 1
                free = name.with_stem(f"{name.stem}-{number}")
            taken.add(free)
            self._names[source.path] = free

    def __enter__(self) -> Album:
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def add(self, frame: Frame, found: Objects) -> None:
        """Draw the detections and write the image.

        Raises:
            ImageError: if the file cannot be written.
        """
        if self._folder is None:
            return
        path = self._folder / self._names[frame.source.path]
        is_image = frame.frame is None
        drawn = draw_readable(frame.pixels, found) if is_image else draw(frame.pixels, found)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if is_image:
                Image.fromarray(drawn).save(path, quality=JPEG_QUALITY)
            else:
                self._writer(path, frame.rate).write(drawn, frame.second)
        except OSError as error:
            raise ImageError(f"{path}: cannot be written: {error.strerror or error}.") from None

    def _writer(self, path: Path, rate: Fraction) -> VideoWriter:
        """The writer of the video that a frame belongs to; the previous video is closed."""
        if self._film is None or self._film[0] != path:
            self._stack.close()
            self._film = path, self._stack.enter_context(VideoWriter(path, rate))
        return self._film[1]


def _frames(
    sources: Sequence[Source], inference: Inference, counter: Counter
) -> Generator[Frame, None, None]:
    """Iterate over every image and frame that can be read."""
    for source in sources:
        expected, seen = 1, 0
        try:
            with _opened(source) as video:
                counter.add((video.count or 1) - expected)
                expected = video.count or 1
                counter.is_open = video.count is None
                began = started = time.perf_counter()
                for pixels in video.frames:
                    now = time.perf_counter()
                    inference.seconds["read"].append(now - started)
                    inference.worked.add(source.path)
                    second = now - began if video.is_live else None
                    number = seen if source.is_video else None
                    yield Frame(source, pixels, number, video.rate, second)
                    seen += 1
                    started = time.perf_counter()
            if not seen:
                raise ImageError(f"{source.path}: holds no frame that can be read.")
        except ImageError as error:
            inference.failed[source.path] = str(error)
        counter.is_open = False
        counter.add(seen - expected)


@contextmanager
def _opened(source: Source) -> Iterator[Video]:
    """Open a video, or an image as a video of one frame."""
    path = source.path
    if isinstance(path, Address):
        if not source.is_video:
            yield Video(map(read_remote_image, [path]), 1, Fraction(1))
            return
        with open_camera(path) if path.is_camera else open_stream(path) as video:
            yield video
    elif source.is_video:
        with open_video(path) as video:
            yield video
    else:
        yield Video(map(read_image, [path]), 1, Fraction(1))


def _count(
    inference: Inference, frame: Frame, found: Objects, keep: bool, ids: CocoIds | None
) -> None:
    inference.looked += 1
    inference.tally.update(found.labels)
    image_id = None
    if ids:
        image_id = ids.image(frame.source.path, inference.looked)
        inference.coco += coco_results(found, image_id, ids)
    if keep:
        inference.images.append(FileObjects(frame.source.path, found, frame.frame, image_id))
