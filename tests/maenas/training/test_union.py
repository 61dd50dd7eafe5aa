"""A union of data sets on the command line: proposed, checked, trained on, resumed, evaluated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from maenas.detector.checkpoints.checkpoint import save_folder
from tests.maenas.conftest import Shell
from tests.schemas import errors_in
from tests.small_detector import SIDE, small_folder, small_spec

SETTINGS = ("--compute", "cpu", "--workers", "0", "--set", "compute.batch=2", "--set", "batch=2")


def write_yolo(folder: Path, names: str, *labels: str) -> None:
    """A data set of images of equal names in every folder."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    for number, text in enumerate(labels):
        Image.new("RGB", (SIDE, SIDE)).save(folder / "images" / f"{number}.png")
        (folder / "labels" / f"{number}.txt").write_text(text)
    (folder / "data.yaml").write_text(f"train: images\nval: images\nnames: {names}\n")


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two data sets, cats and dogs, in the folder where commands run."""
    write_yolo(tmp_path / "cats", "[cat, bird]", "0 .25 .25 .5 .5\n", "1 .5 .5 .9 .9\n")
    quarters = [f"0 {x} {y} .5 .5\n" for x in (0.25, 0.75) for y in (0.25, 0.75)]
    write_yolo(tmp_path / "dogs", "[Dogs]", "".join(quarters))
    return tmp_path


def test_a_union_is_proposed_checked_and_evaluated(typed: Shell, pets: Path) -> None:
    ran = typed("data", "union", "cats", "dogs/data.yaml")
    assert ran.code == 0
    assert "union: 3 classes, 0 of them in several data sets\n" in ran.out
    path = pets / "union.yaml"
    path.write_text(path.read_text().replace("Dogs: Dogs", "Dogs: dog"))
    ran = typed("data", "check", "union.yaml")
    assert ran.code == 0
    assert "  cats: 2 images, 2 objects of 2 classes\n" in ran.out
    assert "  dogs: 1 image, 4 objects of 1 class\n" in ran.out
    (pets / "model").mkdir()
    small_folder(pets / "model")
    ran = typed("val", "model", "--data", "union.yaml", "--threads", "1", "--out", "val")
    assert "data set  images  objects  classes" in ran.out
    result = json.loads((pets / "val" / "results.json").read_text())
    assert errors_in("val-result", result) == []
    # the detector sees a dog in each quarter of every image: right in `dogs`, and no mistake in
    # `cats`, where dogs are not labelled
    assert {each["name"]: each["ap"] for each in result["per_class"]} == {
        "cat": 0,
        "bird": 0,
        "dog": 1,
    }
    assert [each["name"] for each in result["sources"]] == ["cats", "dogs"]
    assert [each["scores"]["ap"] for each in result["sources"]] == [0, 1]


@pytest.mark.slow  # a training
def test_a_training_is_not_resumed_on_another_union(typed: Shell, pets: Path) -> None:
    torch.manual_seed(0)
    spec = small_spec("stretch")
    save_folder(pets / "start", spec, spec.build().state_dict())
    typed("data", "union", "cats", "dogs")
    path = pets / "union.yaml"
    words = ("train", "start", "--data", "union.yaml", "--epochs", "1", "--out", "run")
    assert typed(*words, *SETTINGS).code == 0
    assert len(list((pets / "run" / "predictions").glob("*.jpg"))) == 3
    (pets / "run" / "card.md").unlink()  # as if it had been killed before its last file
    text = path.read_text()
    merged = text.replace("Dogs: Dogs", "Dogs: cat")
    swapped = text.replace("cat: cat", "cat: bird").replace("bird: bird", "bird: cat")
    for other, message in (
        (merged, "was trained on the classes cat, bird, Dogs, the data has cat, bird"),
        (f"{swapped}names: [cat, bird, Dogs]\n", "other images or labels"),
    ):
        path.write_text(other)
        ran = typed("train", "--out", "run", "--resume", "--compute", "cpu")
        assert ran.code == 2
        assert message in ran.err
