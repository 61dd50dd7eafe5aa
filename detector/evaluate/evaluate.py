"""A detector over a data set: what it finds, how right that is, and how long it takes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from statistics import median

from maenas.blocks.errors import positive
from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.read_sample import read_sample
from maenas.detector.data.samples import Sample
from maenas.detector.evaluate.classes import match_classes, renumber
from maenas.detector.evaluate.coco import CocoScores, coco_scores
from maenas.detector.media.images import ImageError, Pixels
from maenas.detector.ops.thresholds import Thresholds
from maenas.detector.predict.predict import Seconds, predict
from maenas.detector.predict.results import Objects
from maenas.detector.runtimes.runtime import Runtime

MAX_DETECTIONS = 500  # an image, as DAMO-YOLO evaluates; COCO then takes 100 of each class
THRESHOLDS = Thresholds(0.05, 0.7, MAX_DETECTIONS)  # of T, S, M and L
NANO_THRESHOLDS = Thresholds(0.03, 0.65, MAX_DETECTIONS)  # of Ns, Nm and Nl


@dataclass(frozen=True, slots=True)
class Latency:
    """Median milliseconds an image; reading it from the disk is not the detector's.

    Attributes:
        before: resizing.
        network: the runtime, copies to and from its device included.
        after: non-maximum suppression, and boxes back on the image.
    """

    before: float
    network: float
    after: float

    def to_json(self) -> dict[str, float]:
        """By what they were spent on."""
        return {name: round(getattr(self, name), 3) for name in ("before", "network", "after")}


@dataclass(frozen=True, slots=True)
class Seen:
    """An image, what is on it and what was found."""

    sample: Sample
    found: Objects


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How good a detector is on a data set.

    Attributes:
        scores: COCO's numbers.
        latency: beside them.
        seen: the images that could be read, in the order of the data set; objects have its
            classes.
        skipped: what was wrong with each of the others, one line each.
        thresholds: of the non-maximum suppression.
    """

    scores: CocoScores
    latency: Latency
    seen: tuple[Seen, ...] = field(repr=False)
    skipped: tuple[str, ...]
    thresholds: Thresholds


def published_thresholds(is_nano: bool) -> Thresholds:
    """Those DAMO-YOLO evaluates a detector with."""
    return NANO_THRESHOLDS if is_nano else THRESHOLDS


def evaluate(
    runtime: Runtime,
    dataset: Dataset,
    thresholds: Thresholds = THRESHOLDS,
    batch: int = 1,
    readers: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """COCO's numbers for a detector, on whatever it runs.

    A network in memory: `evaluate(TorchRuntime(spec, network, compute), dataset)`.

    Args:
        runtime: the detector.
        dataset: the images and what is on them; classes are matched by name.
        thresholds: of the non-maximum suppression, which may give a box several classes.
        batch: images the network takes at a time.
        readers: threads that read images ahead. With 0 nothing runs beside the network, and
            the latency is that of the detector alone.
        progress: told how many images are done since the last call.
    Raises:
        DataError: if there is no object, no image can be read, or the classes do not match.
        SpecError: for a batch below 1.
    """
    positive("evaluate", batch=batch)
    dataset.require_objects()
    index_of = match_classes(runtime.names, dataset)
    seen: list[Seen] = []
    skipped: list[str] = []
    spent: list[Seconds] = []
    reads = _reads(dataset.samples, readers, batch)
    while some := list(islice(reads, batch)):
        read = []
        for sample, pixels in some:
            if isinstance(pixels, ImageError):
                skipped.append(str(pixels))
            else:
                read.append((sample, pixels))
        if read:
            every, seconds = predict(runtime, [pixels for _, pixels in read], thresholds)
            spent += [_each(seconds, len(read))] * len(read)
            for (sample, _), found in zip(read, every, strict=True):
                seen.append(Seen(sample, renumber(found, index_of, dataset)))
        if progress is not None:
            progress(len(some))
    if not seen:
        raise DataError(f"{dataset.source}: none of its {len(dataset)} images can be read.")
    scores = coco_scores(dataset, {each.sample.image_id: each.found for each in seen})
    return Evaluation(scores, _median(spent), tuple(seen), tuple(skipped), thresholds)


def _reads(
    samples: Sequence[Sample], readers: int, batch: int
) -> Iterator[tuple[Sample, Pixels | ImageError]]:
    """Every sample with its image or what is wrong with that, in order."""
    if readers < 1:
        yield from ((sample, _read(sample)) for sample in samples)
        return
    with ThreadPoolExecutor(readers) as pool:
        ahead: deque[tuple[Sample, Future[Pixels | ImageError]]] = deque()
        waiting = iter(samples)
        try:
            while True:
                for sample in islice(waiting, batch + readers - len(ahead)):
                    ahead.append((sample, pool.submit(_read, sample)))
                if not ahead:
                    return
                sample, future = ahead.popleft()
                yield sample, future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _read(sample: Sample) -> Pixels | ImageError:
    try:
        return read_sample(sample)
    except ImageError as error:
        return error


def _each(spent: Seconds, count: int) -> Seconds:
    return Seconds(spent.before / count, spent.network / count, spent.after / count)


def _median(spent: Sequence[Seconds]) -> Latency:
    return Latency(
        1e3 * median(each.before for each in spent),
        1e3 * median(each.network for each in spent),
        1e3 * median(each.after for each in spent),
    )
