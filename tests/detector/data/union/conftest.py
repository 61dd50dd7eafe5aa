"""Small data sets to join."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Box = tuple[int, float, float, float, float]  # class, x, y, width, height
WriteCoco = Callable[..., Path]


@pytest.fixture
def write_coco(tmp_path: Path) -> WriteCoco:
    """Writes a data set of COCO files and returns its `data.yaml`."""

    def write(
        name: str, classes: Sequence[str], images: Sequence[Sequence[Box]], val: bool = True
    ) -> Path:
        folder = tmp_path / name
        (folder / "images").mkdir(parents=True)
        for index in range(len(images)):
            pixels = np.full((40, 60, 3), 20 * index, np.uint8)
            Image.fromarray(pixels).save(folder / "images" / f"{index}.png")
        listed = [
            {"id": index, "file_name": f"{index}.png", "height": 40, "width": 60}
            for index in range(len(images))
        ]
        boxes = [
            {"image_id": index, "category_id": label, "bbox": box}
            for index, each in enumerate(images)
            for label, *box in each
        ]
        data = {
            "images": listed,
            "annotations": boxes,
            "categories": [{"id": index, "name": each} for index, each in enumerate(classes)],
        }
        (folder / "labels.json").write_text(json.dumps(data))
        splits = "train: labels.json\n" + ("val: labels.json\n" if val else "")
        (folder / "data.yaml").write_text(splits)
        return folder / "data.yaml"

    return write
