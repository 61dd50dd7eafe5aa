"""Paths in a `data.yaml`: which folder they lead to."""

from __future__ import annotations

from pathlib import Path

import pytest

from maenas.detector.data.dataset import DataError
from maenas.detector.data.readers.read import read_dataset, splits_of
from tests.detector.data.conftest import Write


@pytest.fixture
def elsewhere(write_yolo: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog) -> Path:
    """A folder with a `data.yaml` alone, beside the working directory that holds images."""
    write_yolo({"a": "0 .5 .5 .2 .2"})
    folder = tmp_path / "other"
    folder.mkdir()
    (tmp_path / "data.yaml").rename(folder / "data.yaml")
    monkeypatch.chdir(tmp_path)
    caplog.set_level("WARNING")
    return folder


def test_a_split_that_is_found_in_the_working_directory_is_named_once(elsewhere, tmp_path, caplog):
    for _ in range(2):
        assert len(read_dataset(elsewhere, "val")) == 1
    images = Path("images") / "train"
    assert caplog.messages == [
        f"{elsewhere / 'data.yaml'}: val: nothing is at {elsewhere / images}; uses "
        f"{tmp_path / images}"
    ]


def test_images_of_a_list_that_are_found_in_the_working_directory_are_named(
    elsewhere, tmp_path, caplog
):
    image = Path("images") / "train" / "a.png"
    (elsewhere / "val.txt").write_text(f"{image}\n")
    (elsewhere / "data.yaml").write_text("val: val.txt\nnames: [cat]")
    assert len(read_dataset(elsewhere, "val")) == 1
    assert caplog.messages == [
        f"{elsewhere / 'val.txt'}: nothing is at {elsewhere / image}; uses {tmp_path / image}"
    ]


@pytest.mark.parametrize("root", ["", "."])
def test_paths_beside_the_yaml_are_not_worth_a_line(elsewhere, tmp_path, caplog, root):
    (elsewhere / "data.yaml").rename(tmp_path / "data.yaml")
    assert len(read_dataset(Path(root) / "data.yaml", "val")) == 1
    assert len(read_dataset(tmp_path, "val")) == 1
    assert caplog.messages == []


@pytest.mark.parametrize("word", ["valid", "validation"])
def test_other_words_for_val_are_understood(write_yolo: Write, word: str) -> None:
    path = write_yolo({"a": "0 .5 .5 .2 .2\n"})
    path.write_text(path.read_text().replace("val:", f"{word}:"))
    assert splits_of(path) == ("train", "val")
    assert read_dataset(path, "val").objects == 1
    path.write_text(f"{path.read_text()}val: gone\n")
    with pytest.raises(DataError, match="val: nothing is at"):
        read_dataset(path, "val")
