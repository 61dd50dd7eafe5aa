"""Metrics of a detector on each data set of a union."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from maenas.detector.data.dataset import Dataset, Source
from maenas.detector.evaluate.coco import COUNTED, CocoScores, coco_scores
from maenas.detector.evaluate.evaluate import Seen


@dataclass(frozen=True, slots=True)
class SourceScores:
    """COCO's metrics on the images of one data set of a union.

    Attributes:
        name: name of the data set.
        images: number of its images that could be read.
        scores: metrics over the classes that the data set annotates; None without an object.
    """

    name: str
    images: int
    scores: CocoScores | None

    @property
    def objects(self) -> int:
        """Number of ground truth objects without crowds."""
        return sum(each.objects for each in self.scores.per_class) if self.scores else 0

    @property
    def classes(self) -> int:
        """Number of classes with an object."""
        return sum(each.objects > 0 for each in self.scores.per_class) if self.scores else 0

    def to_json(self) -> dict[str, Any]:
        """Name, counts and metrics; classes without an object are left out."""
        scores = None if self.scores is None else self.scores.to_json()
        if scores is not None:
            scores["per_class"] = [each for each in scores["per_class"] if each["objects"]]
        counts = {"images": self.images, "objects": self.objects, "classes": self.classes}
        return {"name": self.name, **counts, "scores": scores}


def source_scores(
    dataset: Dataset, seen: Sequence[Seen], max_detections: int = COUNTED
) -> tuple[SourceScores, ...]:
    """Metrics of each data set of a union; () unless there are several.

    Args:
        dataset: ground truth.
        seen: images that could be read, with detections of the classes that each annotates.
        max_detections: maximum number of detections of one class in an image that count.
    """
    if len(dataset.sources) < 2:
        return ()
    columns = dataset.columns
    source_of = dict(zip(columns.image_ids.tolist(), columns.source_of.tolist(), strict=True))
    parts: list[list[Seen]] = [[] for _ in dataset.sources]
    for each in seen:
        parts[source_of[each.sample.image_id]].append(each)
    return tuple(
        _scores(dataset, source, part, max_detections)
        for source, part in zip(dataset.sources, parts, strict=True)
    )


def _scores(
    dataset: Dataset, source: Source, seen: Sequence[Seen], max_detections: int
) -> SourceScores:
    if all(np.all(each.sample.crowd) for each in seen):
        return SourceScores(source.name, len(seen), None)
    found = {each.sample.image_id: each.found for each in seen}
    return SourceScores(source.name, len(seen), coco_scores(dataset, found, max_detections))
