"""Objects365: images in folders of patches, wherever they were extracted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maenas.detector.data.dataset import DataError
from maenas.detector.data.readers.read import names_of, read_dataset, splits_of

FILES = ("images/v1/patch0/a.jpg", "images/v2/patch16/b.jpg")


def write(folder: Path, *images: str, place: str = ".", split: str = "train") -> Path:
    for name in images:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(folder / name)
    data = {
        "images": [
            {"id": index, "file_name": name, "height": 40, "width": 60}
            for index, name in enumerate(FILES)
        ],
        "annotations": [
            {"image_id": 0, "category_id": 1, "bbox": [1, 2, 9, 9], "iscrowd": 0, "isfake": 0},
            {"image_id": 1, "category_id": 2, "bbox": [1, 2, 9, 9], "iscrowd": 1, "isfake": 0},
        ],
        "categories": [{"id": 1, "name": "Person"}, {"id": 2, "name": "Sneakers"}],
    }
    path = folder / place / f"zhiyuan_objv2_{split}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    return folder


@pytest.mark.parametrize("place", [".", "annotations", "train"])
@pytest.mark.parametrize(
    "images",
    [
        ("train/patch0/a.jpg", "train/patch16/b.jpg"),
        ("images/v1/patch0/a.jpg", "images/v2/patch16/b.jpg"),
        ("train/images/v1/patch0/a.jpg", "train/images/v2/patch16/b.jpg"),
        ("images/train/patch0/a.jpg", "images/train/patch16/b.jpg"),
        ("images/train/a.jpg", "images/train/b.jpg"),
    ],
)
def test_images_are_found_where_patches_are_extracted(tmp_path, images, place):
    dataset = read_dataset(write(tmp_path, *images, place=place))
    assert [sample.path for sample in dataset.samples] == [tmp_path / name for name in images]
    assert [sample.crowd.tolist() for sample in dataset.samples] == [[False], [True]]
    assert dataset.names == ("Person", "Sneakers")


def test_a_patch_that_is_not_there_is_reported(tmp_path):
    dataset = read_dataset(write(tmp_path, "train/patch16/b.jpg"))
    assert [sample.path.name for sample in dataset.samples] == ["b.jpg"]
    assert "patch0/a.jpg: no such file" in str(dataset.problems[0])


def test_the_only_split_names_the_classes(tmp_path):
    write(tmp_path, "val/patch0/a.jpg", split="val")
    assert splits_of(tmp_path) == ("val",)
    assert names_of(tmp_path) == ("Person", "Sneakers")
    with pytest.raises(DataError, match="has no split 'train', but val"):
        read_dataset(tmp_path)


def test_data_yaml_may_name_the_format(tmp_path):
    write(tmp_path / "o365", "train/patch0/a.jpg", "train/patch16/b.jpg")
    (tmp_path / "data.yaml").write_text("path: o365\nformat: objects365\n")
    assert len(read_dataset(tmp_path / "data.yaml")) == 2
    (tmp_path / "data.yaml").write_text("path: elsewhere\nformat: objects365\n")
    with pytest.raises(DataError, match=r"has no split 'train', but no zhiyuan_objv2_train.json"):
        read_dataset(tmp_path / "data.yaml")
