"""One form of a data set for all sides: YOLO files that hold the labels as maenas cleans them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import yaml

from maenas.detector.data.readers.read import read_dataset
from maenas.detector.data.samples import Sample

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class View:
    """A data set as both sides read it.

    Attributes:
        folder: folder that holds `data.yaml`, `images/SPLIT` and `labels/SPLIT`.
        names: names of the classes.
    """

    folder: Path
    names: tuple[str, ...]

    @property
    def data(self) -> Path:
        """The `data.yaml`."""
        return self.folder / "data.yaml"

    def images(self, split: str) -> Path:
        """Folder of the images of a split."""
        return self.folder / "images" / split


def make_view(source: Path, folder: Path) -> View:
    """Write the view of a data set, unless it exists; images are symbolic links."""
    names = read_dataset(source, "train").names
    view = View(folder, names)
    if view.data.exists():  # written last
        return view
    for split in SPLITS:
        for part in ("images", "labels"):
            (folder / part / split).mkdir(parents=True, exist_ok=True)
        for sample in read_dataset(source, split).samples:
            link = view.images(split) / sample.path.name
            if not link.is_symlink():
                link.symlink_to(os.path.abspath(sample.path))
            text = "".join(f"{line}\n" for line in yolo_lines(sample))
            (folder / "labels" / split / f"{link.stem}.txt").write_text(text, encoding="utf-8")
    data = {"path": str(folder.resolve()), "names": dict(enumerate(names))}
    data |= {split: f"images/{split}" for split in SPLITS}
    view.data.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return view


def yolo_lines(sample: Sample) -> list[str]:
    """Labels of an image as YOLO states them: class, centre and size as shares of the image."""
    height, width = sample.size
    lines = []
    for (x1, y1, x2, y2), label in zip(sample.boxes.tolist(), sample.labels, strict=True):
        shares = (
            (x1 + x2) / 2 / width,
            (y1 + y2) / 2 / height,
            (x2 - x1) / width,
            (y2 - y1) / height,
        )
        lines.append(" ".join([str(label), *(f"{share:.8f}" for share in shares)]))
    return lines
