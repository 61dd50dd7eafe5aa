"""Contact sheets of a batch: the network's input images with their boxes, side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from maenas.detector.data.batch import Batch
from maenas.detector.data.dataset import DataError
from maenas.detector.media.images import Pixels
from maenas.detector.media.label_text import (
    MIN_TEXT,
    class_colour,
    enlarged,
    text_colour,
    text_font,
)

IGNORED = (150, 150, 150)
EMPTY = (255, 255, 255)


def sheet(batch: Batch, names: Sequence[str], longest: int = 1920) -> Pixels:
    """Grid of all images of a batch with their labels, no side longer than `longest` pixels."""
    images = [_image(batch, index, names) for index in range(len(batch.images))]
    columns = columns_of(len(images))
    rows = math.ceil(len(images) / columns)
    width, height = images[0].size
    whole = Image.new("RGB", (columns * width, rows * height), EMPTY)
    for index, image in enumerate(images):
        whole.paste(image, (index % columns * width, index // columns * height))
    whole.thumbnail((longest, longest))
    return np.asarray(whole)


def save_sheet(batch: Batch, names: Sequence[str], path: Path) -> None:
    """Write the `sheet` of a batch as a JPEG file.

    Raises:
        DataError: if the file cannot be written.
    """
    try:
        Image.fromarray(sheet(batch, names)).save(path, quality=90)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}.") from None


def columns_of(count: int) -> int:
    """Number of columns of a nearly square grid, without empty cells where possible."""
    square = math.ceil(math.sqrt(count))
    return square + 1 if count % square and count % (square + 1) == 0 else square


def _image(batch: Batch, index: int, names: Sequence[str]) -> Image.Image:
    rgb = batch.images[index].expand(3, -1, -1)  # of a grey image, three times its channel
    levels = rgb.permute(1, 2, 0).round().byte().contiguous().cpu().numpy()
    levels, times = enlarged(levels)
    image = Image.fromarray(levels)
    canvas, font = ImageDraw.Draw(image), text_font(MIN_TEXT)
    shown = (batch.valid | batch.ignored)[index].cpu().numpy()
    boxes, labels = (
        times * batch.boxes[index].cpu().numpy()[shown],
        batch.labels[index].cpu().numpy()[shown],
    )
    ignored = batch.ignored[index].cpu().numpy()[shown]
    for (x1, y1, x2, y2), label, crowd in zip(boxes.tolist(), labels, ignored, strict=True):
        colour = IGNORED if crowd else class_colour(int(label))
        canvas.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colour, width=2)
        text = "ignored" if crowd else names[label]
        canvas.rectangle(canvas.textbbox((x1 + 2, y1 + 1), text, font=font), fill=colour)
        canvas.text((x1 + 2, y1 + 1), text, fill=text_colour(colour), font=font)
    return image
