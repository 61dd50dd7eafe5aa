"""Lines of a training and a conversion about outlines that are not used."""

from __future__ import annotations

import json
from pathlib import Path

from maenas.api.data import convert_data
from maenas.detector.data.readers.label_notes import label_notes
from maenas.detector.data.readers.read import read_dataset
from maenas.training.plan import data_notes
from tests.detector.data.readers.coco.test_values import OBJECT, coco

FITTING = [[10, 10, 30, 10, 30, 30]]
SHARES = [[0.1, 0.2, 0.4, 0.2, 0.4, 0.7]]
TOLD = (
    "segmentation of 1 of 2 objects lies more than 3 pixels off their bbox and is not used, only "
    "bbox is, such as that of annotation 6; correct or delete it"
)


def write(folder: Path, second: list[list[float]], first_id: int = 5) -> Path:
    """A COCO file of two objects, of which the first one's outline fits its box."""
    folder.mkdir(exist_ok=True)
    path = coco(folder, image={"id": first_id, "file_name": "x.png"})
    rows = [
        OBJECT | {"id": 5, "image_id": first_id, "segmentation": FITTING},
        OBJECT | {"id": 6, "image_id": first_id, "bbox": [12, 10, 20, 20], "segmentation": second},
    ]
    path.write_text(json.dumps({**json.loads(path.read_text()), "annotations": rows}))
    return path


def test_outlines_that_fit_have_no_note(tmp_path):
    dataset = read_dataset(write(tmp_path / "set", FITTING))
    assert label_notes(dataset) == []
    assert not any("segmentation" in note for note in data_notes(dataset, dataset))


def test_outlines_that_are_not_used_are_a_line_of_a_training(tmp_path):
    path = write(tmp_path / "set", SHARES)
    dataset = read_dataset(path)
    assert label_notes(dataset) == [f"{path}: {TOLD}"]
    notes = data_notes(dataset, dataset)
    for split in ("train", "val"):
        assert f"{split}: {path}: {TOLD}" in notes
    assert sum("segmentation" in note for note in notes) == 2


def test_outlines_of_several_files_are_one_line(tmp_path):
    paths = [write(tmp_path / name, SHARES, number) for number, name in enumerate("abc", 5)]
    listed = ", ".join(str(path) for path in paths)
    (tmp_path / "data.yaml").write_text(f"train: [{listed}]\n")
    note = f"{paths[0]}: {TOLD} (files with more of them: 2)"
    assert label_notes(read_dataset(tmp_path)) == [note]


def test_outlines_that_are_not_used_are_a_line_of_a_conversion(tmp_path, caplog):
    path = write(tmp_path / "set", SHARES)
    with caplog.at_level("WARNING", "maenas"):
        convert_data(path, tmp_path / "new", to="yolo")
    assert [record.getMessage() for record in caplog.records] == [f"train: {path}: {TOLD}"]
