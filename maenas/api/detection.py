"""Python API: detect objects, evaluate a detector."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.detection.detect import DetectResult
    from maenas.detection.evaluate import ValResult
    from maenas.detection.inference import Inference
    from maenas.detection.predictor import Predictor

LOG = logging.getLogger(__name__)


def detect(
    model: str | Path | Predictor,
    source: str | Path | Sequence[str | Path],
    *,
    out: str | Path | None = None,
    min_score: float | None = None,
    max_iou: float | None = None,
    max_detections: int | None = None,
    batch: int = 1,
    precision: str | None = None,
    threads: int | None = None,
    compute: str = "cpu",
    draw: bool = False,
    save_json: bool = False,
    coco: bool = False,
    annotations: str | Path | None = None,
    exist_ok: bool = False,
    keep: bool = True,
    most: int | None = None,
    one_label: bool | None = None,
) -> DetectResult:
    """Detect objects in images, videos, live streams and cameras.

    Args:
        model: a detector or training run folder, `zoo:NAME`, `.onnx`, `.xml` or `.engine`, or a
            `Detector`, which decides precision, threads and compute itself.
        source: images, videos, folders or glob patterns, one or several; "webcam:0" for a camera,
            or an address: http(s):// of an image or video, rtsp:// of a stream.
        out: folder for the results; the next `runs/detect/exp` if None and something is written.
        min_score: minimum confidence of a detection; 0.4 if None. A model that ends in NMS has its
            own thresholds, which can be made stricter but not looser.
        max_iou: IoU threshold of NMS; if None 0.7, or that of the NMS in the model, or 1 for a
            one-to-one head, whose detections need no NMS.
        max_detections: maximum number of detections per image; 300 if None.
        batch: number of images that the network takes at once.
        precision: number format that OpenVINO computes in: "f32", "f16" or "bf16".
        threads: threads of the CPU; all cores if None.
        compute: device that torch computes on, such as "cpu" or "cuda:0".
        draw: write the images and videos with boxes.
        save_json: write `results.json` with all detections.
        coco: write `coco.json` with all detections as COCO results.
        annotations: COCO file with the image and category ids for `coco`.
        exist_ok: write into a folder that is not empty.
        keep: keep the detections of every image in the result; a long video has many.
        most: maximum number of images and frames, to end a stream; all if None.
        one_label: keep the most confident one of several classes for the same object, by the same
            IoU threshold; None for yes unless `coco` is set, whose scoring counts every class.
    Raises:
        MaenasError: if the model or a threshold is invalid, or no source can be read.

    Example:
        >>> found = maenas.detect("runs/train/exp", "street.jpg")
        >>> [image.objects.labels for image in found.images]
        [('car', 'car', 'person')]
    """
    from maenas.blocks import SpecError
    from maenas.detector.media.sources import find_media
    from maenas.detector.ops.thresholds import Thresholds, choose_thresholds
    from maenas.runs.start import new_run

    for option, number in (("batch", batch), ("most", most)):
        if number is not None and number < 1:
            raise SpecError(f"{option}: must be at least 1, got {number}.")
    asked = (min_score, max_iou, max_detections)
    choose_thresholds(Thresholds(), None, *asked)
    require(model)
    sources = find_media([str(name) for name in listed(source)])

    # torch takes seconds to load, so mistakes are reported first
    from maenas.detection.detect import coco_ids, detect_result, write_results
    from maenas.detection.inference import infer

    detector = opened(model, precision, threads, compute)
    thresholds = detector.runtime.thresholds(Thresholds(), *asked)
    notes = None if annotations is None else Path(annotations)
    ids = coco_ids(detector, sources, notes) if coco or notes else None
    writes = draw or save_json or ids is not None
    with ExitStack() as held:
        folder = None
        if writes:
            folder = held.enter_context(new_run(out, "detect", exist_ok))
        LOG.info(detector.runtime.about)
        if detector.trained is False:
            LOG.warning(detector.untrained())
        inference = infer(
            *(sources, detector, thresholds, batch),
            folder=folder if draw else None,
            keep=keep or save_json,
            ids=ids,
            most=most,
            one_label=not coco if one_label is None else one_label,
        )
        require_some(inference)
        result = detect_result(detector.name, detector, inference, folder)
        if folder is not None:
            write_results(
                folder, result.to_json() if save_json else None, inference.coco if ids else None
            )
    return result


def require_some(inference: Inference) -> None:
    """Report the files that could not be read.

    Raises:
        ImageError: if no file could be read.
        KeyboardInterrupt: if the user stopped it before the first one.
    """
    from maenas.detector.media.images import ImageError

    if not inference.looked and len(inference.failed) == 1:
        raise ImageError(*inference.failed.values())
    for message in inference.failed.values():
        LOG.info(f"skipped: {message}")
    if inference.looked:
        return
    if inference.interrupted:
        raise KeyboardInterrupt
    count = len(inference.failed)
    raise ImageError(f"none of the {count} files could be read; each is named above.")


def val(
    model: str | Path | Predictor,
    data: str | Path,
    *,
    split: str = "val",
    out: str | Path | None = None,
    min_score: float | None = None,
    max_iou: float | None = None,
    at_score: float | None = None,
    max_detections: int = 100,
    branch: str | None = None,
    batch: int = 1,
    readers: int = 0,
    precision: str | None = None,
    threads: int | None = None,
    compute: str = "cpu",
    save: bool = True,
    exist_ok: bool = False,
) -> ValResult:
    """Evaluate a detector on labelled images: COCO's AP and AR, errors, latency.

    Args:
        model: a model, as for `detect`.
        data: a `data.yaml`, `union.yaml`, COCO `.json` or `.csv` list, or the folder of a data set.
        split: split of the data set: "train", "val" or "test".
        out: folder to write into; the next `runs/val/exp` if None.
        min_score: minimum confidence of a detection; if None 0.05, or 0.03 for nano detectors.
        max_iou: IoU threshold of NMS; if None 0.7, or 0.65 for nano detectors, or 1 for a
            one-to-one head, whose detections need no NMS.
        at_score: confidence threshold at which errors are counted; that of the best F1 if None.
        max_detections: maximum number of detections of one class in an image that the metrics
            count, as COCO does with 100; dense images need more.
        branch: branch of a one-to-one head: "one-to-one", without NMS, or "one-to-many", whose
            detections need NMS; None for the one that detects.
        batch: number of images that the network takes at once.
        readers: number of threads that read images ahead; they disturb the latency.
        precision: number format that OpenVINO computes in.
        threads: threads of the CPU; all cores if None.
        compute: device that torch computes on.
        save: write results, plots and the worst images.
        exist_ok: write into a folder that is not empty.
    Raises:
        MaenasError: if the model, the data or a threshold is invalid.

    Example:
        >>> maenas.val("runs/train/exp", "shapes", save=False).ap
        0.912
    """
    from maenas.blocks import SpecError
    from maenas.blocks.errors import not_negative, positive

    if at_score is not None and not 0 <= at_score <= 1:
        raise SpecError(f"at_score: must be in 0..1, got {at_score}.")
    positive("val", batch=batch)
    not_negative("val", readers=readers)
    require(model)  # before torch is loaded
    from maenas.detection.evaluate import (
        evaluated,
        val_thresholds,
        warnings_about,
        write_evaluation,
    )
    from maenas.detection.results_page import write_page
    from maenas.detector.data.readers.read import read_dataset
    from maenas.detector.evaluate.classes import match_classes, require_as_many
    from maenas.detector.evaluate.counted import lines_about, require_counted, truncation
    from maenas.runs.start import new_run

    require_counted(max_detections)
    dataset = read_dataset(Path(data), split)
    dataset.require_objects()
    detector = opened(model, precision, threads, compute)
    if branch is not None:
        detector = detector.with_branch(branch)
    if not detector.names and detector.spec is not None:
        require_as_many(detector.spec.head.num_classes, dataset)
    match_classes(detector.names, dataset)  # before a folder is made
    thresholds = val_thresholds(detector, max_detections, min_score, max_iou)
    with ExitStack() as held:
        folder = None
        if save:
            folder = held.enter_context(new_run(out, "val", exist_ok))
        LOG.info(detector.runtime.about)
        if detector.runtime.nms is not None:
            end = "NMS" if detector.runtime.nms.has_nms else "a selection"
            LOG.info(f"the model ends in {end}: {detector.runtime.nms}; what it drops cannot count")
        for line in warnings_about(detector, dataset):
            LOG.warning(line)
        result = evaluated(
            *(detector, dataset, split, thresholds, max_detections),
            at_score=at_score,
            batch=batch,
            readers=readers,
            folder=folder,
        )
        for line in lines_about(truncation(result.evaluation)):
            LOG.warning(line)
        if folder is not None:
            write_evaluation(folder, result, dataset)
            write_page(folder, result)
    return result


def require(model: str | Path | Predictor) -> None:
    """Raise unless a model of that name exists; loads neither it nor torch.

    Raises:
        SpecError: if there is none; the message says what was found instead.
    """
    from maenas.runs.models import require_model

    if isinstance(model, str | Path):
        require_model(str(model))


def opened(
    model: str | Path | Predictor, precision: str | None, threads: int | None, compute: str
) -> Predictor:
    """Open the detector of a name; a detector object is returned unchanged."""
    from maenas.detection.predictor import Predictor

    if isinstance(model, Predictor):
        return model
    return Predictor(model, precision, threads, compute)


def listed(source: str | Path | Sequence[str | Path]) -> list[str | Path]:
    """The sources as a list, also if there is only one."""
    return [source] if isinstance(source, str | Path) else list(source)
