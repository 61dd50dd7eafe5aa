"""Writer of a generated data set in YOLO's form, with COCO annotation files beside it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import default_rng
from PIL import Image

from maenas.blocks.errors import SpecError, one_of, positive
from maenas.blocks.files.atomic_write import write_text
from maenas.detector.arrays import Floats
from maenas.detector.data.dataset import DataError
from maenas.detector.data.shapes import LEVELS, SHAPES, draw_image

SPLITS = ("train", "val")
VAL_SHARE = 5  # training images per validation image
QUALITY = 92  # JPEG quality
MIN_SIDE = 64


@dataclass(frozen=True, slots=True)
class ShapeSet:
    """Settings of a generated data set.

    Attributes:
        level: difficulty: easy, medium or hard.
        images: number of training images; validation gets a fifth as many.
        classes: number of classes, 1 to 8.
        size: side of an image in pixels.
        seed: random seed.
    """

    level: str = "medium"
    images: int = 500
    classes: int = 3
    size: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("shapes", "level", self.level, tuple(LEVELS))
        positive("shapes", images=self.images)
        one_of("shapes", "classes", self.classes, tuple(range(1, len(SHAPES) + 1)))
        if self.size < MIN_SIDE:
            raise SpecError(f"shapes: size must be at least {MIN_SIDE}, got {self.size}.")
        if self.seed < 0:
            raise SpecError(f"shapes: seed must not be negative, got {self.seed}.")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(SHAPES)[: self.classes]

    def counts(self) -> dict[str, int]:
        """Number of images of each split."""
        return {"train": self.images, "val": -(-self.images // VAL_SHARE)}


def make_shapes(shapes: ShapeSet, folder: Path, done: Callable[[], object] = lambda: None) -> Path:
    """Write the data set; the same arguments give the same files.

    Args:
        shapes: settings of the data set.
        folder: existing folder to write into.
        done: function called after every image.
    Returns:
        Path of the `data.yaml`.
    Raises:
        DataError: if a file cannot be written.
    """
    for split, count in shapes.counts().items():
        _folder(folder / "images" / split)
        _folder(folder / "labels" / split)
        rows = [_write_image(shapes, folder, split, index, done) for index in range(count)]
        _folder(folder / "annotations")
        coco = _coco(shapes, rows)
        write_text(folder / "annotations" / f"instances_{split}.json", json.dumps(coco) + "\n")
    keys = {f"{split}": f"images/{split}" for split in SPLITS}
    made = f"# maenas data make-shapes --level {shapes.level} --images {shapes.images}"
    made += f" --classes {shapes.classes} --size {shapes.size} --seed {shapes.seed}\n"
    lines = "".join(f"{split}: {path}\n" for split, path in keys.items())
    names = "".join(f"  {index}: {name}\n" for index, name in enumerate(shapes.names))
    write_text(folder / "data.yaml", f"{made}{lines}names:\n{names}")
    return folder / "data.yaml"


def _write_image(
    shapes: ShapeSet, folder: Path, split: str, index: int, done: Callable[[], object]
) -> Floats:
    """Write one image with its label file; return its (N, 5) objects."""
    rng = default_rng((shapes.seed, SPLITS.index(split), index))
    pixels, rows = draw_image(rng, LEVELS[shapes.level], shapes.classes, shapes.size)
    coded = io.BytesIO()
    Image.fromarray(pixels).save(coded, "JPEG", quality=QUALITY)
    _write(folder / "images" / split / f"{index:06}.jpg", coded.getvalue())
    shares = rows[:, 1:] / shapes.size
    lines = [
        f"{int(kind)} {(x1 + x2) / 2:.6f} {(y1 + y2) / 2:.6f} {x2 - x1:.6f} {y2 - y1:.6f}\n"
        for kind, (x1, y1, x2, y2) in zip(rows[:, 0].tolist(), shares.tolist(), strict=True)
    ]
    _write(folder / "labels" / split / f"{index:06}.txt", "".join(lines).encode())
    done()
    return rows


def _coco(shapes: ShapeSet, images: list[Floats]) -> dict[str, Any]:
    """COCO annotations of a split; categories are numbered from 1."""
    annotations: list[dict[str, Any]] = []
    for image_id, rows in enumerate(images):
        for kind, x1, y1, x2, y2 in np.round(rows, 2).tolist():
            box = [x1, y1, round(x2 - x1, 2), round(y2 - y1, 2)]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": int(kind) + 1,
                    "bbox": box,
                    "area": round(box[2] * box[3], 2),
                    "iscrowd": 0,
                }
            )
    side = {"width": shapes.size, "height": shapes.size}
    return {
        "images": [
            {"id": index, "file_name": f"{index:06}.jpg", **side} for index in range(len(images))
        ],
        "annotations": annotations,
        "categories": [{"id": i, "name": name} for i, name in enumerate(shapes.names, 1)],
    }


def _folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{path}: cannot be created: {error.strerror or error}.") from None


def _write(path: Path, content: bytes) -> None:
    """Write a file without fsync: unlike a checkpoint, a generated file can be made again."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}.") from None
