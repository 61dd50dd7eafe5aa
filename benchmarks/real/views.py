"""One form of a data set for all sides: YOLO files that hold the labels as maenas cleans them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from maenas.detector.data.readers.read import read_dataset
from maenas.detector.data.writers.write import write_dataset

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
    splits = {split: read_dataset(source, split) for split in SPLITS}
    view = View(folder, splits[SPLITS[0]].names)
    if not view.data.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_dataset(splits, folder, "yolo", link=True)
    return view
