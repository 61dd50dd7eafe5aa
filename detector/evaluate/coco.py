"""Average precision and recall as COCO defines them, computed by pycocotools."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maenas.detector.data.dataset import Dataset
from maenas.detector.data.labelled import EVERY_CLASS
from maenas.detector.data.samples import Sample
from maenas.detector.predict.results import Objects

# IoU 0.50, 0.55 .. 0.95 | recall 0, 0.01 .. 1 | area all, small, medium, large | 1, 10, 100 boxes
IOU_50, IOU_75 = 0, 5
AREAS = ("all", "small", "medium", "large")
FASTER = "hotcoco"
COUNTED = 100  # detections of one class in an image that COCO counts
FEWEST_COUNTED = 10  # AR at 10 detections is one of the twelve metrics
_users = set[int]()  # processes that have used hotcoco: this one, and those it was forked from
DIGITS = 5  # decimals of a score in a file


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Average precision and recall of one class.

    Attributes:
        name: name of the class.
        category_id: number of the class in the data set's file.
        objects: number of ground truth objects without crowds.
        ap: average precision, mean over IoU 0.50 to 0.95; None if there is no object.
        ap50: average precision at IoU 0.50.
        ar: recall at 100 boxes per image, mean over the same IoUs.
    """

    name: str
    category_id: int
    objects: int
    ap: float | None
    ap50: float | None
    ar: float | None

    def to_json(self) -> dict[str, Any]:
        """All fields, with rounded scores."""
        return _rounded(self, ("name", "category_id", "objects", "ap", "ap50", "ar"))


@dataclass(frozen=True, slots=True)
class CocoScores:
    """COCO's twelve metrics, the scores of each class, and the curves behind them; all 0..1.

    Small objects have an area below 32 x 32 pixels of their image, large ones above 96 x 96.
    A metric is None where no object has that size.

    Attributes:
        ap: average precision at 100 boxes per image, mean over IoU 0.50 to 0.95 and classes.
        ap50: average precision at IoU 0.50.
        ap75: average precision at IoU 0.75.
        ap_small: average precision of small objects; `ap_medium` and `ap_large` likewise.
        ar1: recall at 1 box per image, mean over IoUs and classes; `ar10` and `ar100` likewise.
        ar_small: recall of small objects at 100 boxes per image; `ar_medium`, `ar_large` likewise.
        per_class: scores of each class, in the order of the data set's classes.
        precision: (10, 101, K) at IoU 0.50 to 0.95 and recall 0 to 1, never rising with recall;
            0 beyond the recall reached, NaN for a class without an object.
        confidence: (10, 101, K), lowest confidence that reaches each recall; 0 and NaN likewise.
        computed_by: program that computed the metrics, with its version.
        max_detections: maximum number of detections of one class in an image that count: COCO's
            100, also where names say 100, unless another was requested.
    """

    ap: float
    ap50: float
    ap75: float
    ap_small: float | None
    ap_medium: float | None
    ap_large: float | None
    ar1: float
    ar10: float
    ar100: float
    ar_small: float | None
    ar_medium: float | None
    ar_large: float | None
    per_class: tuple[ClassScores, ...]
    precision: NDArray[np.float64] = field(repr=False, compare=False)
    confidence: NDArray[np.float64] = field(repr=False, compare=False)
    computed_by: str = field(compare=False)
    max_detections: int = COUNTED

    def to_json(self) -> dict[str, Any]:
        """The twelve metrics and the scores of each class, rounded."""
        numbers = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
        recalls = ("ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large")
        return {
            **_rounded(self, numbers + recalls),
            "per_class": [each.to_json() for each in self.per_class],
            "computed_by": self.computed_by,
            "max_detections": self.max_detections,
        }


def coco_scores(
    dataset: Dataset, found: Mapping[int, Objects], max_detections: int = COUNTED
) -> CocoScores:
    """COCO's metrics of the detections of a data set.

    Crowds are ignored regions: boxes on them count neither for nor against the detector.
    hotcoco computes the same numbers in a fraction of the time where it is installed.

    Args:
        dataset: ground truth.
        found: detections by image id, with the data set's classes, most confident first. Images
            without an entry, such as damaged ones, are left out with their ground truth.
        max_detections: maximum number of detections of one class in an image that count, the most
            confident ones.
    Raises:
        DataError: if no image with an entry has an object.
    """
    samples = [sample for sample in dataset.samples if sample.image_id in found]
    Dataset(dataset.source, tuple(samples), dataset.names, (), dataset.problems).require_objects()
    coco, evaluate, computed_by = _program()
    images = [
        {"id": each.image_id, "height": each.size[0], "width": each.size[1]} for each in samples
    ]
    ids = dataset.category_ids
    categories = [
        {"id": number, "name": name} for number, name in zip(ids, dataset.names, strict=True)
    ]
    guesses = [_predicted(each.image_id, found[each.image_id], ids) for each in samples]
    truths = [_ground_truths(each, ids, found[each.image_id]) for each in samples]
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        sides = [_indexed(coco(), images, categories, rows) for rows in (truths, guesses)]
        run = evaluate(*sides, "bbox")
        run.params.catIds = list(ids)
        run.params.maxDets = [1, FEWEST_COUNTED, max_detections]
        run.evaluate()
        run.accumulate()
    counts = np.zeros(len(ids), dtype=np.int64)
    for sample in samples:
        counts += np.bincount(sample.labels[~sample.crowd], minlength=len(ids))
    # pycocotools sorts the classes by id
    order = np.argsort(np.argsort(ids))
    precision, recall, confidence = (
        np.asarray(run.eval[name]) for name in ("precision", "recall", "scores")
    )
    return _summary(
        dataset,
        counts.tolist(),
        precision[:, :, order],
        recall[:, order],
        confidence[:, :, order, 0, -1],
        computed_by,
        max_detections,
    )


def _summary(
    dataset: Dataset,
    counts: Sequence[int],
    precision: NDArray[np.float64],  # (10, 101, K, 4, 3), -1 where there is no object
    recall: NDArray[np.float64],  # (10, K, 4, 3)
    confidence: NDArray[np.float64],  # (10, 101, K)
    computed_by: str,
    max_detections: int,
) -> CocoScores:
    by_area = {name: _mean(precision[:, :, :, a, -1]) for a, name in enumerate(AREAS)}
    recall_by_area = {name: _mean(recall[:, :, a, -1]) for a, name in enumerate(AREAS)}
    curves = precision[:, :, :, 0, -1]
    per_class = tuple(
        ClassScores(
            name,
            number,
            counts[k],
            _mean(curves[:, :, k]),
            _mean(curves[IOU_50, :, k]),
            _mean(recall[:, k, 0, -1]),
        )
        for k, (name, number) in enumerate(zip(dataset.names, dataset.category_ids, strict=True))
    )
    absent = curves < 0
    return CocoScores(
        ap=by_area["all"] or 0.0,
        ap50=_mean(curves[IOU_50]) or 0.0,
        ap75=_mean(curves[IOU_75]) or 0.0,
        ap_small=by_area["small"],
        ap_medium=by_area["medium"],
        ap_large=by_area["large"],
        ar1=_mean(recall[:, :, 0, 0]) or 0.0,
        ar10=_mean(recall[:, :, 0, 1]) or 0.0,
        ar100=recall_by_area["all"] or 0.0,
        ar_small=recall_by_area["small"],
        ar_medium=recall_by_area["medium"],
        ar_large=recall_by_area["large"],
        per_class=per_class,
        precision=np.where(absent, np.nan, curves),
        confidence=np.where(absent, np.nan, confidence),
        computed_by=computed_by,
        max_detections=max_detections,
    )


def _program() -> tuple[Any, Any, str]:
    """COCO and COCOeval of the fastest installed program, and its name.

    hotcoco computes with threads that it starts once. A process that was forked from one that has
    used it lacks these threads, and hotcoco would wait for them without end.
    """
    if find_spec(FASTER) and _users <= {os.getpid()}:
        from hotcoco import COCO, COCOeval

        _users.add(os.getpid())
        return COCO, COCOeval, f"hotcoco {version('hotcoco')}"
    from pycocotools.coco import COCO as PlainCOCO
    from pycocotools.cocoeval import COCOeval as PlainEval

    return PlainCOCO, PlainEval, f"pycocotools {version('pycocotools')}"


def _indexed(
    coco: Any,
    images: list[dict[str, Any]],
    categories: list[dict[str, Any]],
    rows: Sequence[list[dict[str, Any]]],
) -> Any:
    """A COCO object of these annotations, numbered from 1: pycocotools reads id 0 as no match."""
    annotations = [annotation for some in rows for annotation in some]
    for number, annotation in enumerate(annotations, 1):
        annotation["id"] = number
    coco.dataset = {"images": images, "categories": categories, "annotations": annotations}
    coco.createIndex()
    return coco


def _ground_truths(sample: Sample, ids: Sequence[int], found: Objects) -> list[dict[str, Any]]:
    """Objects in COCO's form; a region to ignore in every class comes once per predicted class."""
    everywhere = sample.labels == EVERY_CLASS
    predicted = np.unique(found.classes)
    copies = np.where(everywhere, len(predicted), 1)
    rows_of = np.repeat(np.arange(len(copies)), copies)
    labels = sample.labels[rows_of]
    labels[everywhere[rows_of]] = np.tile(predicted, int(everywhere.sum()))
    rows = zip(
        labels.tolist(),
        to_xywh(sample.boxes)[rows_of].tolist(),
        sample.areas[rows_of].tolist(),
        sample.crowd[rows_of].tolist(),
        strict=True,
    )
    return [
        {
            "image_id": sample.image_id,
            "category_id": ids[label],
            "bbox": box,
            "area": area,
            "iscrowd": int(crowd),
        }
        for label, box, area, crowd in rows
    ]


def _predicted(image_id: int, found: Objects, ids: Sequence[int]) -> list[dict[str, Any]]:
    boxes = to_xywh(found.boxes)
    areas = boxes[:, 2] * boxes[:, 3]
    rows = zip(
        found.classes.tolist(), found.scores.tolist(), boxes.tolist(), areas.tolist(), strict=True
    )
    return [
        {
            "image_id": image_id,
            "category_id": ids[label],
            "score": score,
            "bbox": box,
            "area": area,
            "iscrowd": 0,
        }
        for label, score, box, area in rows
    ]


def to_xywh(boxes_xyxy: NDArray[np.float32]) -> NDArray[np.float64]:
    """Boxes (N, 4) in COCO's form: x, y, width and height."""
    wide = boxes_xyxy.astype(np.float64)
    return np.concatenate((wide[:, :2], wide[:, 2:] - wide[:, :2]), axis=1)


def _mean(values: NDArray[np.float64]) -> float | None:
    """Mean without the entries of -1, which mark a class or size without an object."""
    present = values[values > -1]
    return float(present.mean()) if present.size else None


def _rounded(instance: Any, names: Sequence[str]) -> dict[str, Any]:
    values = {name: getattr(instance, name) for name in names}
    return {
        name: round(value, DIGITS) if isinstance(value, float) else value
        for name, value in values.items()
    }
