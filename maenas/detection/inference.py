"""What `maenas detect` does with images and videos: read, predict, draw, remember."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image

from maenas.detection.detector import Detector
from maenas.detector.media.images import ImageError, Pixels, Source, read_image
from maenas.detector.media.videos import Video, VideoWriter, open_video
from maenas.detector.ops.thresholds import Thresholds
from maenas.detector.predict.draw import draw
from maenas.detector.predict.results import CocoIds, Objects, coco_results
from maenas.terminal.progress import Counter

# Suffixes that are written as they were read; others become PNG.
KEPT = frozenset([".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"])
JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True)
class Look:
    """One image, or one frame of a video.

    Attributes:
        source: the file.
        pixels: what is seen.
        frame: number of the frame from 0, None for an image.
        rate: frames a second of the video.
    """

    source: Source
    pixels: Pixels
    frame: int | None = None
    rate: Fraction = Fraction(1)


@dataclass(slots=True)
class Outcome:
    """What came of looking.

    Attributes:
        looked: images and frames.
        worked: files of which at least one image was read.
        failed: what was wrong with each other file, and with what is left of a damaged one.
        tally: objects by the name of their class.
        seconds: of each look, by what they were spent on.
        images: JSON of each look, if asked for.
        coco: COCO results, if asked for.
        interrupted: whether the user stopped it.
    """

    looked: int = 0
    worked: set[Path] = field(default_factory=set)
    failed: dict[Path, str] = field(default_factory=dict)
    tally: Tally[str] = field(default_factory=Tally)
    seconds: dict[str, list[float]] = field(
        default_factory=lambda: {name: [] for name in ("read", "before", "network", "after")}
    )
    images: list[dict[str, Any]] = field(default_factory=list)
    coco: list[dict[str, Any]] = field(default_factory=list)
    interrupted: bool = False


def look_at(
    sources: Sequence[Source],
    detector: Detector,
    thresholds: Thresholds,
    batch: int = 1,
    folder: Path | None = None,
    keep_json: bool = False,
    ids: CocoIds | None = None,
) -> Outcome:
    """Find the objects in every image and frame; files that cannot be read are passed over.

    Args:
        sources: the files.
        detector: finds the objects.
        thresholds: what counts as found.
        batch: images the network takes at a time.
        folder: where drawn images and videos are written, None for nowhere.
        keep_json: whether the outcome holds the JSON of every image.
        ids: numbers of images and classes, if the outcome is to hold COCO results.
    Raises:
        MaenasError: if something cannot be written.
    """
    outcome = Outcome()
    with Counter("detect", len(sources), "images") as counter, Album(folder, sources) as album:
        looks = _looks(sources, outcome, counter)
        try:
            while some := list(islice(looks, batch)):
                every, spent = detector.predict_batch([look.pixels for look in some], thresholds)
                for name in ("before", "network", "after"):
                    outcome.seconds[name] += [getattr(spent, name) / len(some)] * len(some)
                for look, found in zip(some, every, strict=True):
                    album.add(look, found)
                    _remember(outcome, look, found, keep_json, ids)
                counter.advance(len(some))
        except KeyboardInterrupt:
            outcome.interrupted = True
    return outcome


class Album:
    """Drawn images and videos in a folder, under the names they came with.

    Args:
        folder: to write into; None writes nothing.
        sources: all there will be, so that two of one name get two files.
    """

    def __init__(self, folder: Path | None, sources: Sequence[Source]) -> None:
        self._folder = folder
        self._names: dict[Path, Path] = {}
        self._stack = ExitStack()
        self._film: tuple[Path, VideoWriter] | None = None
        taken: set[Path] = set()
        for source in sources:
            name = Path(source.name)
            if source.is_video:
                name = name.with_suffix(".mp4")
            elif name.suffix.lower() not in KEPT:
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

    def add(self, look: Look, found: Objects) -> None:
        """Draw what was found and write it.

        Raises:
            ImageError: if it cannot be written.
        """
        if self._folder is None:
            return
        path = self._folder / self._names[look.source.path]
        drawn = draw(look.pixels, found)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if look.frame is None:
                Image.fromarray(drawn).save(path, quality=JPEG_QUALITY)
            else:
                self._writer(path, look.rate).write(drawn)
        except OSError as error:
            raise ImageError(f"{path}: cannot be written: {error.strerror or error}.") from None

    def _writer(self, path: Path, rate: Fraction) -> VideoWriter:
        """The film a frame belongs to; the one before it is finished."""
        if self._film is None or self._film[0] != path:
            self._stack.close()
            self._film = path, self._stack.enter_context(VideoWriter(path, rate))
        return self._film[1]


def _looks(sources: Sequence[Source], outcome: Outcome, counter: Counter) -> Iterator[Look]:
    """Every image and frame that can be read."""
    for source in sources:
        expected, seen = 1, 0
        try:
            with _opened(source) as video:
                counter.add((video.count or 1) - expected)
                expected = video.count or 1
                started = time.perf_counter()
                for pixels in video.frames:
                    outcome.seconds["read"].append(time.perf_counter() - started)
                    outcome.worked.add(source.path)
                    yield Look(source, pixels, seen if source.is_video else None, video.rate)
                    seen += 1
                    started = time.perf_counter()
            if not seen:
                raise ImageError(f"{source.path}: holds no frame that can be read.")
        except ImageError as error:
            outcome.failed[source.path] = str(error)
        counter.add(seen - expected)


@contextmanager
def _opened(source: Source) -> Iterator[Video]:
    """A video, or an image as a video of one frame."""
    if source.is_video:
        with open_video(source.path) as video:
            yield video
    else:
        yield Video((read_image(path) for path in [source.path]), 1, Fraction(1))


def _remember(
    outcome: Outcome, look: Look, found: Objects, keep_json: bool, ids: CocoIds | None
) -> None:
    outcome.looked += 1
    outcome.tally.update(found.labels)
    image_id = None
    if ids:
        image_id = ids.image(look.source.path, outcome.looked)
        outcome.coco += coco_results(found, image_id, ids)
    if keep_json:
        record: dict[str, Any] = {"file": str(look.source.path)}
        if look.frame is not None:
            record["frame"] = look.frame
        if image_id is not None:
            record["image_id"] = image_id
        outcome.images.append({**record, **found.to_json()})
