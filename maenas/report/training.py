"""Sections on a training: its curves, and detections of the trained detector."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from maenas.blocks.files.plain_file import read_bytes
from maenas.blocks.files.suffixes import suffix_of
from maenas.report.charts import Curve, CurvePoint, Lines, chart, curve_table, data_of
from maenas.report.page import Section
from maenas.report.tables import paragraph, text

# Columns of results.csv that share an axis: heading, name of the axis, columns.
PANELS = (
    (
        "Loss",
        "loss",
        ("loss", "quality_focal", "giou", "distribution_focal", "one_to_one", "feature"),
    ),
    ("Accuracy on the validation images", "AP", ("ap", "ap50")),
    ("Learning rate", "learning rate", ("lr",)),
)
# Names of columns where the column itself is not the word of a reader.
NAMES = {
    "ap": "AP",
    "ap50": "AP50",
    "giou": "GIoU",
    "lr": "learning rate",
    "one_to_one": "one-to-one",
}
TRAINING = "training"  # anchor of the section of the curves
IMAGE_LIMIT = 5_000_000  # bytes of one image
IMAGES_LIMIT = 4_000_000  # bytes of all images in a page
IMAGES = (".jpg", ".jpeg", ".png")
SIGNATURES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}


def training_section(rows: Sequence[Mapping[str, float]], about: str = "") -> Section:
    """The curves of a training.

    Args:
        rows: rows of its `results.csv`, one per epoch; values that were not computed are absent.
        about: sentence on the training; "" for none.
    """
    body, charts = paragraph(about) if about else "", {}
    for number, (title, label, columns) in enumerate(PANELS):
        curves = [
            Curve(
                NAMES.get(name, name.replace("_", " ")),
                [CurvePoint(row["epoch"], row[name]) for row in rows if name in row],
            )
            for name in columns
            if any(name in row for row in rows)
        ]
        if not curves:
            continue
        digits = ".4f" if label == "AP" else ".4g"
        finals = ", ".join(f"{curve.name} {curve.points[-1].y:{digits}}" for curve in curves)
        anchor = f"training-{number}"
        says = f"{title} over the epochs; at the end: {finals}"
        body += f"<h3>{text(title)}</h3>" + paragraph(f"At the end: {finals}.", "quiet")
        body += chart(anchor, says, curve_table(title, "epoch", curves), low=True)
        charts[anchor] = data_of(Lines("epoch", label, curves))
    return Section(TRAINING, "Training", body, charts)


@dataclass(frozen=True, slots=True)
class Example:
    """An image with detections drawn on it.

    Attributes:
        image: content of a PNG or JPEG file.
        caption: name of the image and what was detected, as text.
    """

    image: bytes
    caption: str


def examples_in(folder: Path) -> list[Example]:
    """The images in a folder, in the order of their names, as many as a page carries."""
    examples: list[Example] = []
    for path in sorted(path for path in folder.glob("*") if suffix_of(path) in IMAGES):
        if sum(len(one.image) for one in examples) + path.stat().st_size <= IMAGES_LIMIT:
            examples.append(Example(read_bytes(path, limit=IMAGE_LIMIT), path.name))
    return examples


def examples_section(
    examples: Sequence[Example],
    about: str = "",
    anchor: str = "detections",
    title: str = "Detections",
    wide: bool = False,
) -> Section:
    """Images with detections, side by side; wide ones, such as pairs of images, two in a row.

    Raises:
        ValueError: if an image is neither PNG nor JPEG.
    """
    body = paragraph(about) if about else ""
    body += (
        f'<div class="examples{" wide" if wide else ""}">'
        + "".join(map(_example, examples))
        + "</div>"
    )
    return Section(anchor, title, body)


def _example(example: Example) -> str:
    kind = next((k for sign, k in SIGNATURES.items() if example.image.startswith(sign)), None)
    if kind is None:
        raise ValueError(f"{example.caption}: an image of a report must be PNG or JPEG.")
    caption = text(example.caption)
    content = base64.b64encode(example.image).decode("ascii")
    return (
        f'<figure><img alt="{caption}" src="data:{kind};base64,{content}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )
