"""Evaluation of a detector on a data set: detections, COCO metrics and latency."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from statistics import median

from maenas.blocks.errors import not_negative, positive
from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.read_sample import read_sample
from maenas.detector.data.samples import Sample
from maenas.detector.evaluate.classes import match_classes, renumber
from maenas.detector.evaluate.coco import COUNTED, CocoScores, coco_scores
from maenas.detector.media.images import ImageError, Pixels
from maenas.detector.ops.thresholds import Thresholds
from maenas.detector.predict.predict import Seconds, predict
from maenas.detector.predict.results import Objects
from maenas.detector.runtimes.runtime import Runtime

MAX_DETECTIONS = 500  # per image, as in DAMO-YOLO; COCO then takes 100 of each class
THRESHOLDS = Thresholds(0.05, 0.7, MAX_DETECTIONS)  # DAMO-YOLO T, S, M, L
NANO_THRESHOLDS = Thresholds(0.03, 0.65, MAX_DETECTIONS)  # DAMO-YOLO Ns, Nm, Nl


@dataclass(frozen=True, slots=True)
class Latency:
    """Median milliseconds per image, without reading it from the disk.

    Attributes:
        before: time of resizing.
        network: time of the runtime, with copies to and from its device.
        after: time of NMS and of scaling boxes back to the image.
    """

    before: float
    network: float
    after: float

    def to_json(self) -> dict[str, float]:
        """Milliseconds by stage."""
        return {name: round(getattr(self, name), 3) for name in ("before", "network", "after")}


@dataclass(frozen=True, slots=True)
class Seen:
    """An image with its ground truth and its detections."""

    sample: Sample
    found: Objects


@dataclass(frozen=True, slots=True)
class Detected:
    """Detections of the images that one process took; keys are places in the data set.

    Attributes:
        found: detections of each image, with the class indices of the data set; only of classes
            that the image annotates.
        skipped: one line for each image that could not be read, with the reason.
        spent: seconds of each image.
    """

    found: dict[int, Objects]
    skipped: dict[int, str]
    spent: list[Seconds]


@dataclass(frozen=True, slots=True)
class DetectorEvaluation:
    """Result of an evaluation.

    Attributes:
        scores: COCO's metrics.
        latency: latency of each stage.
        seen: images that could be read, in the order of the data set; detections have its class
            indices.
        skipped: one line for each image that could not be read, with the reason.
        thresholds: thresholds of the NMS.
    """

    scores: CocoScores
    latency: Latency
    seen: tuple[Seen, ...] = field(repr=False)
    skipped: tuple[str, ...]
    thresholds: Thresholds


def published_thresholds(is_nano: bool) -> Thresholds:
    """Thresholds with which DAMO-YOLO evaluates a detector."""
    return NANO_THRESHOLDS if is_nano else THRESHOLDS


def evaluate(
    runtime: Runtime,
    dataset: Dataset,
    thresholds: Thresholds = THRESHOLDS,
    batch: int = 1,
    readers: int = 0,
    progress: Callable[[int], None] | None = None,
    max_detections: int = COUNTED,
) -> DetectorEvaluation:
    """Evaluate a detector on a data set, on any runtime.

    For a network in memory: `evaluate(TorchRuntime(spec, network, compute), dataset)`.

    Args:
        runtime: runtime that holds the detector.
        dataset: images and ground truth; classes are matched by name.
        thresholds: thresholds of the NMS, which may give a box several classes.
        batch: batch size of the network.
        readers: threads that read images ahead. With 0 nothing runs beside the network, and
            the latency is that of the detector alone.
        progress: called with the number of images done since the last call.
        max_detections: maximum number of detections of one class in an image that count.
    Raises:
        DataError: if there is no object, no image can be read, or classes do not match.
        SpecError: for a batch below 1 or readers below 0.
    """
    part = detected(runtime, dataset, thresholds, batch, readers, progress)
    return evaluation(dataset, [part], thresholds, max_detections)


def detected(
    runtime: Runtime,
    dataset: Dataset,
    thresholds: Thresholds,
    batch: int,
    readers: int = 0,
    progress: Callable[[int], None] | None = None,
    rank: int = 0,
    world: int = 1,
) -> Detected:
    """The detections of one of several processes, which share the batches of a data set.

    A batch has the same images for any number of processes, and thus the same detections.

    Args:
        runtime: runtime that holds the detector.
        dataset: images and ground truth; classes are matched by name.
        thresholds: thresholds of the NMS.
        batch: batch size of the network.
        readers: threads that read images ahead.
        progress: called with the number of images done since the last call.
        rank: index of this process, which takes every `world`-th batch.
        world: number of processes.
    Raises:
        DataError: if there is no object, or classes do not match.
        SpecError: for a batch below 1 or readers below 0.
    """
    positive("evaluate", batch=batch)
    not_negative("evaluate", readers=readers)
    dataset.require_objects()
    index_of = match_classes(runtime.names, dataset)
    part = Detected({}, {}, [])
    places = [place for place in range(len(dataset)) if place // batch % world == rank]
    reads = _reads([dataset.samples[place] for place in places], readers, batch)
    for start in range(0, len(places), batch):
        read: list[tuple[int, Pixels]] = []
        some = places[start : start + batch]
        for place, (_, pixels) in zip(some, islice(reads, len(some)), strict=True):
            if isinstance(pixels, ImageError):
                part.skipped[place] = str(pixels)
            else:
                read.append((place, pixels))
        if read:
            every, seconds = predict(runtime, [pixels for _, pixels in read], thresholds)
            part.spent.extend([_each(seconds, len(read))] * len(read))
            for (place, _), found in zip(read, every, strict=True):
                part.found[place] = _known(renumber(found, index_of, dataset), dataset, place)
        if progress is not None:
            progress(len(some))
    return part


def evaluation(
    dataset: Dataset,
    parts: Sequence[Detected],
    thresholds: Thresholds,
    max_detections: int = COUNTED,
) -> DetectorEvaluation:
    """Result of an evaluation, from the detections of all processes.

    Raises:
        DataError: if no image can be read.
    """
    found = {place: each for part in parts for place, each in part.found.items()}
    skipped = {place: line for part in parts for place, line in part.skipped.items()}
    if not found:
        raise DataError(f"{dataset.source}: none of its {len(dataset)} images can be read.")
    seen = tuple(Seen(dataset.samples[place], found[place]) for place in sorted(found))
    detections = {each.sample.image_id: each.found for each in seen}
    scores = coco_scores(dataset, detections, max_detections)
    latency = _median([each for part in parts for each in part.spent])
    lines = tuple(skipped[place] for place in sorted(skipped))
    return DetectorEvaluation(scores, latency, seen, lines, thresholds)


def _reads(
    samples: Sequence[Sample], readers: int, batch: int
) -> Iterator[tuple[Sample, Pixels | ImageError]]:
    """Every sample in order, with its image or the error of reading it."""
    if readers == 0:
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


def _known(found: Objects, dataset: Dataset, place: int) -> Objects:
    """Detections of the classes that the image annotates; others are neither right nor wrong."""
    annotated = dataset.annotated(place)
    return found if annotated is None else found.keep(annotated[found.classes])


def _each(spent: Seconds, count: int) -> Seconds:
    return Seconds(spent.before / count, spent.network / count, spent.after / count)


def _median(spent: Sequence[Seconds]) -> Latency:
    return Latency(
        1e3 * median(each.before for each in spent),
        1e3 * median(each.network for each in spent),
        1e3 * median(each.after for each in spent),
    )
