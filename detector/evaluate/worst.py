"""The images with the most mistakes, ground truth and detections side by side."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from maenas.detector.data.labelled import EVERY_CLASS
from maenas.detector.data.read_sample import read_sample
from maenas.detector.evaluate.evaluate import Seen
from maenas.detector.evaluate.matching import MIN_IOU, Matching, match
from maenas.detector.media.draw_boxes import draw_boxes
from maenas.detector.media.images import ImageError, Pixels
from maenas.detector.media.label_text import Colour, enlarged
from maenas.detector.media.resize import placement_of, resized
from maenas.detector.ops.thresholds import MIN_SCORE

COUNT = 16
MOST_FALSE = 10  # false detections drawn, the most confident; more hide the image
MAX_SIDE = 960  # pixels of each half; larger images are reduced
GAP = 8  # pixels between the halves
JPEG_QUALITY = 90
# Okabe and Ito's colours, safe for colour-blind readers; the text beside a box says the same
RIGHT: Colour = (0, 158, 115)
WRONG: Colour = (213, 94, 0)
CONFUSED: Colour = (240, 228, 66)
CROWD: Colour = (150, 150, 150)


@dataclass(frozen=True, slots=True)
class Worst:
    """An image with mistakes."""

    seen: Seen
    matching: Matching

    @property
    def caption(self) -> str:
        """The number of mistakes of each kind, and how many of the false detections are drawn."""
        kinds = {
            kind: len(getattr(self.matching, kind)) for kind in ("missed", "confused", "false")
        }
        words = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count)
        hidden = kinds["false"] > MOST_FALSE
        return f"{words}; the {MOST_FALSE} most confident false ones are drawn" if hidden else words

    def to_json(self) -> dict[str, Any]:
        """The file and the number of mistakes of each kind."""
        return {
            "file": str(self.seen.sample.path),
            "image_id": self.seen.sample.image_id,
            "missed": len(self.matching.missed),
            "false": len(self.matching.false),
            "confused": len(self.matching.confused),
        }


def worst_images(
    seen: Iterable[Seen],
    count: int = COUNT,
    min_score: float = MIN_SCORE,
    min_iou: float = MIN_IOU,
) -> list[Worst]:
    """The images with the most objects missed, false or confused, the worst first.

    Images without a mistake are left out. At equal counts the earlier image comes first.
    """
    every = (Worst(each, match(each.sample, each.found, min_score, min_iou)) for each in seen)
    wrong = (each for each in every if each.matching.mistakes)
    return heapq.nlargest(count, wrong, key=lambda each: each.matching.mistakes)


def save_worst(worst: Sequence[Worst], folder: Path, min_score: float = MIN_SCORE) -> list[Path]:
    """Write each image as a JPEG named by its rank and file.

    Raises:
        ImageError: if an image cannot be written or can no longer be read.
    """
    paths = []
    for rank, each in enumerate(worst, 1):
        path = worst_file(folder, rank, each)
        drawn = draw_worst(each, read_sample(each.seen.sample), min_score)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(drawn).save(path, quality=JPEG_QUALITY)
        except OSError as error:
            raise ImageError(f"{path}: cannot be written: {error.strerror or error}.") from None
        paths.append(path)
    return paths


def worst_file(folder: Path, rank: int, worst: Worst) -> Path:
    """The file of the image at a rank, from 1."""
    return folder / f"{rank:02d}-{worst.seen.sample.path.stem}.jpg"


def draw_worst(worst: Worst, pixels: Pixels, min_score: float = MIN_SCORE) -> Pixels:
    """Ground truth on the left, detections on the right; mistakes are coloured and named.

    Of false detections, and those in crowds, the `MOST_FALSE` most confident are drawn.

    Args:
        worst: image with its mistakes.
        pixels: (height, width, 3), RGB image.
        min_score: confidence threshold, as in `worst_images`.
    """
    pixels, scale = _fitting(pixels)
    truth, found = _truth(worst), _found(worst, min_score)
    sample, objects = worst.seen.sample, worst.seen.found
    left = draw_boxes(pixels, sample.boxes[list(truth)] * scale, *_apart(truth))
    right = draw_boxes(pixels, objects.boxes[list(found)] * scale, *_apart(found))
    gap = np.full((len(pixels), GAP, 3), 255, dtype=np.uint8)
    return np.concatenate((left, gap, right), axis=1)


def _truth(worst: Worst) -> dict[int, tuple[str, Colour]]:
    """Text and colour of each object; the important ones come last and are drawn on top."""
    sample, names = worst.seen.sample, worst.seen.found.names
    confused = {truth for truth, _ in worst.matching.confused}
    captions = {}
    for index, label in enumerate(sample.labels.tolist()):
        if sample.crowd[index]:
            captions[index] = (
                ("ignored" if label == EVERY_CLASS else f"{names[label]} crowd"),
                CROWD,
            )
        elif index in worst.matching.missed:
            captions[index] = f"{names[label]} missed", WRONG
        else:
            captions[index] = names[label], CONFUSED if index in confused else RIGHT
    return dict(sorted(captions.items(), key=lambda item: item[1][1] != RIGHT))


def _found(worst: Worst, min_score: float) -> dict[int, tuple[str, Colour]]:
    """Text and colour of detections above the threshold, in the order of `_truth`.

    Of those of one colour the most confident comes last.
    """
    found, labels = worst.seen.found, worst.seen.sample.labels
    right = {finding for _, finding in worst.matching.right}
    truth_of = {finding: truth for truth, finding in worst.matching.confused}
    captions: dict[int, tuple[str, Colour]] = {}
    matched, left = right | truth_of.keys(), MOST_FALSE
    for index in np.flatnonzero(found.scores > min_score).tolist():  # most confident first
        if index not in matched:
            left -= 1
            if left < 0:
                continue
        word = f"{found.labels[index]} {found.scores[index]:.2f}"
        if index in right:
            captions[index] = word, RIGHT
        elif index in truth_of:
            captions[index] = f"{word} is {found.names[labels[truth_of[index]]]}", CONFUSED
        elif index in worst.matching.false:
            captions[index] = f"{word} false", WRONG
        else:
            captions[index] = f"{word} in crowd", CROWD
    return dict(sorted(reversed(captions.items()), key=lambda item: item[1][1] != RIGHT))


def _apart(captions: dict[int, tuple[str, Colour]]) -> tuple[list[str], list[Colour]]:
    return [word for word, _ in captions.values()], [colour for _, colour in captions.values()]


def _fitting(pixels: Pixels) -> tuple[Pixels, np.float32]:
    """The image resized to fit a screen, and the scale factor for its boxes."""
    height, width = pixels.shape[:2]
    if max(height, width) <= MAX_SIDE:
        larger, times = enlarged(pixels)
        return larger, np.float32(times)
    placed = placement_of((height, width), (MAX_SIDE, MAX_SIDE), "letterbox").placed
    smaller: Pixels = resized(pixels, placed).permute(1, 2, 0).numpy()
    return smaller, np.float32(max(placed) / max(height, width))
