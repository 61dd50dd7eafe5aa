"""Writer of YOLO label files: rows of `class x y width height` in shares of the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from maenas.detector.data.samples import Sample
from maenas.detector.data.writers.data_yaml import write_data_yaml
from maenas.detector.data.writers.part import LeftOut, Part

CROWD = "regions to ignore, which YOLO labels cannot state"


class YoloWriter:
    """Writer of `images/SPLIT` and `labels/SPLIT`; Ultralytics reads the result as well."""

    name = "yolo"

    def class_names(self, names: Sequence[str]) -> tuple[str, ...]:
        """The names, unchanged."""
        return tuple(names)

    def image_folder(self, split: str) -> Path:
        """Folder of the images of a split."""
        return Path("images") / split

    def write(self, folder: Path, parts: Mapping[str, Part]) -> LeftOut:
        """Write one text file per image, empty for background, and `data.yaml`."""
        left = LeftOut()
        for split, part in parts.items():
            labels = folder / "labels" / split
            labels.mkdir(parents=True, exist_ok=True)
            for file, sample in part.images():
                if crowds := int(sample.crowd.sum()):
                    left.counts[CROWD] += crowds
                text = "".join(f"{line}\n" for line in yolo_lines(sample))
                (labels / file).with_suffix(".txt").write_text(text, encoding="utf-8")
        names = next(iter(parts.values())).dataset.names
        entries = {split: f"images/{split}" for split in parts}
        write_data_yaml(folder, entries, names)
        return left


def yolo_lines(sample: Sample) -> list[str]:
    """Rows of a label file, without regions to ignore."""
    height, width = sample.size
    lines = []
    for box, label, crowd in zip(
        sample.boxes.tolist(), sample.labels.tolist(), sample.crowd, strict=True
    ):
        if not crowd:
            x1, y1, x2, y2 = box
            across = (x1 + x2) / 2 / width, (x2 - x1) / width
            down = (y1 + y2) / 2 / height, (y2 - y1) / height
            shares = across[0], down[0], across[1], down[1]
            lines.append(" ".join([str(label), *(f"{share:.8f}" for share in shares)]))
    return lines
