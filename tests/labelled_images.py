"""Images of plain rectangles with their labels, and a detector that finds them by colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from maenas.detector.arrays import Floats
from maenas.detector.data.dataset import Dataset
from maenas.detector.data.samples import Sample
from maenas.detector.predict.results import Objects
from maenas.detector.runtimes.runtime import Runtime

CLASSES = ("red", "green", "blue")
SIZE = (64, 64)
Row = tuple[int, float, float, float, float]  # class, x1, y1, x2, y2


def sample(image_id: int, *rows: Row, crowd: tuple[int, ...] = (), path: str = "a.png") -> Sample:
    """A labelled image of 200 x 300; `crowd` names the rows that are crowds."""
    boxes = np.array([row[1:] for row in rows], dtype=np.float32).reshape(-1, 4)
    sides = boxes[:, 2:] - boxes[:, :2]
    return Sample(
        Path(path),
        (200, 300),
        boxes,
        np.array([row[0] for row in rows], dtype=np.int64),
        np.array([index in crowd for index in range(len(rows))], dtype=np.bool_),
        (sides[:, 0] * sides[:, 1]).astype(np.float32),
        (),
        image_id,
    )


def dataset(*samples: Sample, ids: tuple[int, ...] = (1, 2, 3)) -> Dataset:
    """A data set of three classes."""
    return Dataset(Path("set.json"), samples, CLASSES, ids)


def found(*rows: tuple[float, Row]) -> Objects:
    """Findings with their scores, in the order given."""
    return Objects(
        (200, 300),
        np.array([row[1:] for _, row in rows], dtype=np.float32).reshape(-1, 4),
        np.array([score for score, _ in rows], dtype=np.float32),
        np.array([row[0] for _, row in rows], dtype=np.int64),
        CLASSES,
    )


def paint(path: Path, *rows: Row) -> None:
    """A black image of 64 x 64 with rectangles in the pure colour of their class."""
    pixels = np.zeros((*SIZE, 3), dtype=np.uint8)
    for label, x1, y1, x2, y2 in rows:
        pixels[int(y1) : int(y2), int(x1) : int(x2), label] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


class ColourFinder(Runtime):
    """Sees one object of each colour: the box around all its pixels.

    Args:
        names: of its classes; the first is red, the second green, the third blue.
    """

    def __init__(self, names: tuple[str, ...] = CLASSES) -> None:
        self.in_shape = (3, *SIZE)
        self.names = names
        self.resize = "stretch"
        self.is_nano = False
        self.about = "by colour"
        self.batches: list[int] = []

    def run(self, images: Floats) -> tuple[Floats, Floats]:
        self.batches.append(len(images))
        scores = np.zeros((len(images), 3, 3), dtype=np.float32)
        boxes = np.zeros((len(images), 3, 4), dtype=np.float32)
        for image, planes in enumerate(images):
            for colour, plane in enumerate(planes):
                rows, columns = np.nonzero(plane > 128)
                if len(rows):
                    scores[image, colour, colour] = 0.9
                    ends = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
                    boxes[image, colour] = ends
        return scores, boxes
