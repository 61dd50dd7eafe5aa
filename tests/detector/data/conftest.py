"""Small data sets on the disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Write = Callable[..., Path]


@pytest.fixture
def write_yolo(tmp_path: Path) -> Write:
    """Writes a data set and returns its `data.yaml`: `write_yolo({"a": "0 .5 .5 .2 .2"})`.

    Label texts are by the stem of the image; None is an image without a label file.
    """

    def write(
        labels: Mapping[str, str | None],
        names: str = "[cat, dog]",
        size: tuple[int, int] = (40, 80),
        suffix: str = ".png",
    ) -> Path:
        for number, (stem, text) in enumerate(labels.items()):
            image = tmp_path / "images" / "train" / f"{stem}{suffix}"
            image.parent.mkdir(parents=True, exist_ok=True)
            rng = np.random.default_rng(number)
            Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(image)
            if text is not None:
                path = tmp_path / "labels" / "train" / f"{stem}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        path = tmp_path / "data.yaml"
        path.write_text(f"train: images/train\nval: images/train\nnames: {names}\n")
        return path

    return write
