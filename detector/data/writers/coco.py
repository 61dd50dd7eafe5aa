"""Writer of COCO annotation files, with crowds, areas and outlines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.json_file import json_text
from maenas.detector.data.samples import Sample
from maenas.detector.data.writers.data_yaml import write_data_yaml
from maenas.detector.data.writers.part import LeftOut, Part

DIGITS = 3  # decimals of a pixel


class CocoWriter:
    """Writer of `annotations/instances_SPLIT.json` and `images/SPLIT`, as COCO has them.

    Ids of categories and images are those of the source where it has some; otherwise categories
    are numbered from 1.
    """

    name = "coco"

    def class_names(self, names: Sequence[str]) -> tuple[str, ...]:
        """The names, unchanged."""
        return tuple(names)

    def image_folder(self, split: str) -> Path:
        """Folder of the images of a split."""
        return Path("images") / split

    def write(self, folder: Path, parts: Mapping[str, Part]) -> LeftOut:
        """Write one JSON file per split, and `data.yaml`."""
        (folder / "annotations").mkdir(exist_ok=True)
        for split, part in parts.items():
            text = json_text(_content(part))
            write_text(folder / _file(split), text + "\n")
        names = next(iter(parts.values())).dataset.names
        write_data_yaml(folder, {split: _file(split) for split in parts}, names)
        return LeftOut()


def _file(split: str) -> str:
    return f"annotations/instances_{split}.json"


def _content(part: Part) -> dict[str, Any]:
    """Images, annotations and categories of a split."""
    ids: Sequence[int] = part.dataset.category_ids
    are_indices = tuple(ids) == tuple(range(len(ids)))  # of a format without ids
    if are_indices or list(ids) != sorted(ids):  # readers sort the classes by id
        ids = range(1, len(ids) + 1)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for file, sample in part.images():
        height, width = sample.size
        about = {"id": sample.image_id, "file_name": file, "width": width, "height": height}
        images.append(about)
        for row in _annotations(sample, ids):
            annotations.append({"id": len(annotations) + 1} | row)
    names = zip(ids, part.dataset.names, strict=True)
    categories = [{"id": number, "name": name} for number, name in names]
    return {"images": images, "annotations": annotations, "categories": categories}


def _annotations(sample: Sample, ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Annotations of an image, without their ids."""
    for index, (x1, y1, x2, y2) in enumerate(sample.boxes.tolist()):
        outline = sample.outlines[index] if sample.outlines else ()
        row = {
            "image_id": sample.image_id,
            "category_id": ids[int(sample.labels[index])],
            "bbox": [round(value, DIGITS) for value in (x1, y1, x2 - x1, y2 - y1)],
            "area": round(float(sample.areas[index]), DIGITS),
            "iscrowd": int(sample.crowd[index]),
        }
        if outline:
            points = (points.reshape(-1).tolist() for points in outline)
            row["segmentation"] = [[round(value, DIGITS) for value in each] for each in points]
        yield row
