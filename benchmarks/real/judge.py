"""One evaluator for all sides: pycocotools on the labels of the test split."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from maenas.detector.data.dataset import Dataset

Rows = Sequence[Sequence[float]]  # x1, y1, x2, y2, confidence, class


def judged(truth: Dataset, found: Mapping[str, Rows]) -> dict[str, float]:
    """AP, AP50 and AP75 of detections, at most 100 of an image and class.

    Args:
        truth: images and labels; an image without an entry in `found` has no detection.
        found: detections of each image by the name of its file, in pixels.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        coco = COCO()
        coco.dataset = _annotations(truth)
        coco.createIndex()
        rows = [
            {"image_id": number, "category_id": int(row[5]), "bbox": _xywh(row), "score": row[4]}
            for number, sample in enumerate(truth.samples)
            for row in found.get(sample.path.name, ())
        ]
        if not rows:
            return {"ap": 0.0, "ap50": 0.0, "ap75": 0.0}
        run = COCOeval(coco, coco.loadRes(rows), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return dict(zip(("ap", "ap50", "ap75"), map(float, run.stats[:3]), strict=True))


def of_coco(path: Path, truth: Dataset) -> dict[str, list[list[float]]]:
    """Detections that `maenas val` wrote as COCO results, by file name."""
    names = {sample.image_id: sample.path.name for sample in truth.samples}
    index_of = {number: index for index, number in enumerate(truth.category_ids)}
    found: dict[str, list[list[float]]] = {}
    for row in json.loads(path.read_text(encoding="utf-8")):
        x, y, width, height = row["bbox"]
        box = [x, y, x + width, y + height, row["score"], index_of[row["category_id"]]]
        found.setdefault(names[row["image_id"]], []).append(box)
    return found


def _annotations(truth: Dataset) -> dict[str, Any]:
    objects: list[dict[str, Any]] = []
    for number, sample in enumerate(truth.samples):
        for box, label, crowd, area in zip(
            sample.boxes.tolist(), sample.labels, sample.crowd, sample.areas, strict=True
        ):
            about = {"id": len(objects) + 1, "image_id": number, "category_id": int(label)}
            rest = {"bbox": _xywh(box), "area": float(area), "iscrowd": int(crowd)}
            objects.append(about | rest)
    return {
        "images": [{"id": number} for number in range(len(truth))],
        "categories": [{"id": n, "name": name} for n, name in enumerate(truth.names)],
        "annotations": objects,
    }


def _xywh(box: Sequence[float]) -> list[float]:
    return [box[0], box[1], box[2] - box[0], box[3] - box[1]]
