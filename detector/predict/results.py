"""Detections as plain data: our JSON and COCO's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maenas.blocks.errors import MaenasError
from maenas.blocks.files.boundary import parsing
from maenas.blocks.files.json_file import read_json
from maenas.blocks.files.plain_file import GIB
from maenas.detector.arrays import Floats
from maenas.detector.media.addresses import Address

DIGITS = 5  # decimals of scores in files; boxes have two, as in COCO
# COCO numbers its 80 classes 1 to 90 and leaves these out.
COCO_GAPS = frozenset((12, 26, 29, 30, 45, 66, 68, 69, 71, 83))
COCO_IDS = tuple(number for number in range(1, 91) if number not in COCO_GAPS)

NO_COCO = "is not a COCO annotation file"


class AnnotationError(MaenasError):
    """A COCO annotation file does not fit the detections."""


@dataclass(frozen=True, slots=True)
class Objects:
    """The detections of one image, most confident first.

    Attributes:
        size: (height, width) of the image.
        boxes: (K, 4) as (x1, y1, x2, y2) in pixels of the image, within it.
        scores: (K,), confidence, 0..1.
        classes: (K,), class indices.
        names: names of all classes of the detector; () if they have none.
    """

    size: tuple[int, int]
    boxes: Floats
    scores: Floats
    classes: NDArray[np.int64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def labels(self) -> tuple[str, ...]:
        """Class name of each detection, or the class index where classes have no names."""
        return tuple(self.names[c] if self.names else str(c) for c in self.classes.tolist())

    def keep(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Objects:
        """The detections selected by `chosen`, a mask (K,) or indices."""
        return replace(
            self,
            boxes=self.boxes[chosen],
            scores=self.scores[chosen],
            classes=self.classes[chosen],
        )

    def with_one_label(self, max_iou: float) -> Objects:
        """The detections whose box no more confident one of any class overlaps by more than this.

        NMS treats each class alone, so that an object that looks like two classes is found twice.

        Args:
            max_iou: IoU threshold, 0..1; with 1, of a box with two classes the more confident one
                stays, which needs no NMS.
        """
        if max_iou >= 1:
            _, first = np.unique(self.boxes, axis=0, return_index=True)
            return self.keep(np.sort(first))
        import torch  # takes as long to load as everything else here
        from torchvision import ops

        boxes, scores = torch.from_numpy(self.boxes), torch.from_numpy(self.scores)
        kept: NDArray[np.int64] = np.sort(ops.nms(boxes, scores, max_iou).numpy())
        return self.keep(kept)  # in their order, which is that of confidence

    def to_supervision(self) -> Any:
        """The detections as `supervision.Detections`, for its trackers, zones and annotators.

        Raises:
            MaenasError: if the package supervision is not installed.
        """
        try:
            from supervision import Detections
        except ImportError:
            raise MaenasError(
                "to_supervision: needs the package supervision; pip install supervision."
            ) from None
        return Detections(
            xyxy=self.boxes,
            confidence=self.scores,
            class_id=self.classes,
            data={"class_name": np.array(self.labels)},
        )

    def to_json(self) -> dict[str, Any]:
        """Width, height and a list of objects."""
        rows = zip(
            self.classes.tolist(),
            self.labels,
            self.scores.tolist(),
            self.boxes.tolist(),
            strict=True,
        )
        return {
            "width": self.size[1],
            "height": self.size[0],
            "objects": [
                {
                    "class": index,
                    "name": name,
                    "score": round(score, DIGITS),
                    "box": [round(side, 2) for side in box],
                }
                for index, name, score, box in rows
            ],
        }


@dataclass(frozen=True, slots=True)
class CocoIds:
    """Image and category ids of a data set.

    Attributes:
        images: image id by file name; {} to number images by their position.
        categories: category id of each class of the detector; () to number classes from 1.
    """

    images: Mapping[str, int]
    categories: tuple[int, ...]

    def image(self, file: Path | Address, index: int) -> int:
        """The id of an image, or its position where the data set gives no ids.

        Raises:
            AnnotationError: if the data set does not list the image.
        """
        if self.images:
            if file.name not in self.images:
                raise AnnotationError(f"{file}: the annotation file has no such image.")
            return self.images[file.name]
        return index

    def category(self, index: int) -> int:
        """The category id of a class.

        Raises:
            AnnotationError: if the data set has fewer classes.
        """
        if not self.categories:
            return index + 1
        if index >= len(self.categories):
            raise AnnotationError(
                f"class {index}: the annotation file has only {len(self.categories)} categories."
            )
        return self.categories[index]


def default_ids(names: Sequence[str], files: Sequence[Path | Address]) -> CocoIds:
    """Ids for a detector without an annotation file.

    An image's id is the number in its file name if these numbers differ, as in COCO. Classes are
    numbered from 1; COCO's 80 classes keep COCO's ids.
    """
    numbers = {file.name: int(file.stem) for file in files if file.stem.isdecimal()}
    numbered = len(set(numbers.values())) == len(files)
    ends = (names[0], names[-1]) if len(names) == len(COCO_IDS) else None
    is_coco = ends == ("person", "toothbrush")
    return CocoIds(numbers if numbered else {}, COCO_IDS if is_coco else ())


def load_ids(path: Path, names: Sequence[str]) -> CocoIds:
    """Ids from a COCO annotation file; classes are matched by name.

    A detector without class names takes the categories in the order of their ids.

    Raises:
        AnnotationError: if the file cannot be read, or lacks a class of the detector.
    """
    data = read_json(path, limit=16 * GIB, error=AnnotationError, wrong=NO_COCO)
    with parsing(path, error=AnnotationError, wrong=NO_COCO):
        images = {Path(image["file_name"]).name: int(image["id"]) for image in data["images"]}
        if len(images) < len(data["images"]):
            raise AnnotationError(f"{path}: has two images of one file name.")
        categories = {str(each["name"]): int(each["id"]) for each in data["categories"]}
    if not names:
        return CocoIds(images, tuple(sorted(categories.values())))
    for name in names:
        if name not in categories:
            raise AnnotationError(f"{path}: has no category {name!r}, a class of the detector.")
    return CocoIds(images, tuple(categories[name] for name in names))


def coco_results(found: Objects, image_id: int, ids: CocoIds) -> list[dict[str, Any]]:
    """COCO results of one image: boxes as (x, y, width, height) in pixels."""
    corner, far = found.boxes[:, :2], found.boxes[:, 2:]
    boxes = np.concatenate((corner, far - corner), axis=1).tolist()
    rows = zip(found.classes.tolist(), found.scores.tolist(), boxes, strict=True)
    return [
        {
            "image_id": image_id,
            "category_id": ids.category(index),
            "bbox": [round(side, 2) for side in box],
            "score": round(score, DIGITS),
        }
        for index, score, box in rows
    ]
